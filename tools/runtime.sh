#!/bin/sh
# Runs a command with one OpenCL implementation alone. What it needs is put into build/runtimes/NAME
# by the first call and seen by no other program: none is installed beside the machine's drivers.
# usage: tools/runtime.sh intel|rusticl|oclgrind COMMAND [ARGUMENT]...
#   intel     Intel's CPU runtime, from PyPI
#   rusticl   Mesa's OpenCL on llvmpipe, from Debian
#   oclgrind  the interpreter that finds races, uninitialised reads and accesses out of bounds, from
#             Debian; what it finds goes to stderr
set -eu
name=${1-}
top=$(cd "$(dirname "$0")/.." && pwd)
root=$top/build/runtimes/$name

# Debian packages, and what they need of packages that are not installed.
unpack() {
    mkdir -p "$root/debs"
    (
        cd "$root/debs"
        apt-get download -qq $(apt-get install -s --no-install-recommends "$@" |
            sed -n 's/^Inst \([^ ]*\) .*/\1/p')
        for package in *.deb; do dpkg -x "$package" "$root"; done
    )
    rm -r "$root/debs"
}

prepare_intel() {
    python3 -m venv "$root"
    "$root/bin/pip" install -q --disable-pip-version-check intel-opencl-rt intel-cmplr-lib-rt
    rm -f "$root"/lib/libOpenCL.so* # the loader is the machine's
    echo "$root/lib/libintelocl.so" >"$root/vendors/runtime.icd"
}

# Mesa looks for libclc in /usr/lib/clc only; it is data and no driver.
prepare_rusticl() {
    [ -d /usr/lib/clc ] || "$top/tools/install_packages.sh" \
        $(apt-cache depends mesa-opencl-icd | sed -n 's/.*Depends: \(libclc-[0-9]*\)$/\1/p')
    unpack mesa-opencl-icd
    find "$root/usr/lib" -name 'libRusticlOpenCL.so.1' >"$root/vendors/runtime.icd"
}

prepare_oclgrind() {
    unpack oclgrind
    find "$root/usr/lib" -name 'liboclgrind-rt-icd.so' >"$root/vendors/runtime.icd"
}

case $name in
intel | rusticl | oclgrind) ;;
*)
    echo "runtime.sh: expected intel, rusticl or oclgrind, found \"$name\"" >&2
    exit 2
    ;;
esac
shift
if [ ! -f "$root/ready" ]; then
    echo "Preparing $name in $root" >&2
    rm -rf "$root"
    mkdir -p "$root/vendors"
    prepare_$name >&2
    touch "$root/ready"
fi

libraries=$root/lib:$(find "$root/usr/lib" -maxdepth 1 -name '*-linux-gnu' 2>/dev/null || :)
export OCL_ICD_VENDORS="$root/vendors"
export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export SAMCL_CACHE_DIR="$root/cache"
export RUSTICL_ENABLE=llvmpipe
# Optimised code has vectors whose unused lanes crash oclgrind 21.10's check of what is initialised.
export OCLGRIND_CHECK_API=1 OCLGRIND_DATA_RACES=1 OCLGRIND_UNINITIALIZED=1
export OCLGRIND_BUILD_OPTIONS=-O0
[ $name != oclgrind ] || export SAMCL_TEST_CHECKED=1
exec "$@"
