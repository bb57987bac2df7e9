#!/bin/sh
# Installs the Debian or Ubuntu packages that building and running samcl needs and that are missing;
# says nothing when none is. With --tests also what the tests use; and any other packages named.
# usage: tools/install_packages.sh [--tests] [PACKAGE]...
set -eu
packages="gcc libc6-dev cmake ninja-build pkg-config
    opencl-headers ocl-icd-opencl-dev pocl-opencl-icd libclblast-dev
    libcjson-dev libjpeg-dev libpng-dev libxxhash-dev libyaml-dev libzip-dev"
if [ "${1-}" = --tests ]; then
    shift
    packages="$packages libcmocka-dev make binutils clang-format-14 clang-tidy-14 cppcheck"
fi
packages="$packages $*"

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This is no Debian or Ubuntu: of the packages that samcl needs nothing was checked. They" \
        "are, by their names there:" $packages >&2
    exit 0
fi
missing=
for package in $packages; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "Packages are missing and there is no sudo; as root: apt-get install$missing" >&2
        exit 1
    fi
    root=sudo
fi
echo "Installing$missing"
$root apt-get -qq update
$root env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install -y --no-install-recommends $missing </dev/null >/dev/null
