#!/bin/sh
# Installs what is missing, builds samcl and runs its tests; the status is theirs.
# usage: tools/test.sh [--sanitize] [ARGUMENT OF CTEST]...
#   --sanitize  in build-asan: with the sanitizers of addresses and undefined behaviour, and every
#               warning an error
set -eu
cd "$(dirname "$0")/.."
build=build
options=
if [ "${1-}" = --sanitize ]; then
    shift
    build=build-asan
    options="-DSAMCL_SANITIZE=address,undefined -DSAMCL_WERROR=ON"
fi
tools/install_packages.sh --tests
[ -f $build/CMakeCache.txt ] || options="$options -G Ninja"
cmake -S . -B $build $options
cmake --build $build
exec ctest --test-dir $build --output-on-failure --parallel "$(nproc)" "$@"
