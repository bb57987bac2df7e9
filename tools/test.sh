#!/bin/sh
# Installs what is missing, builds samcl and runs its tests; the status is theirs.
# usage: tools/test.sh [--sanitize | --release] [ARGUMENT OF CTEST]...
#   --sanitize  in build-asan: with the sanitizers of addresses and undefined behaviour, and every
#               warning an error
#   --release   in build-release: with all of the compiler's optimisations, which show what -O2
#               hides; the tests that compute something
# Without any argument --release follows the usual tests, so that one call proves both builds.
set -eu
cd "$(dirname "$0")/.."
build=build
options=
labels=
both=$([ $# = 0 ] && echo yes || echo no)
case "${1-}" in
--sanitize)
    shift
    build=build-asan
    options="-DSAMCL_SANITIZE=address,undefined -DSAMCL_WERROR=ON"
    ;;
--release)
    shift
    build=build-release
    options="-DCMAKE_BUILD_TYPE=Release -DSAMCL_WERROR=ON"
    labels="-L model|op|plan|plugin|train -E test_kill"
    ;;
esac
tools/install_packages.sh --tests
[ -f $build/CMakeCache.txt ] || options="$options -G Ninja"
cmake -S . -B $build $options
cmake --build $build
ctest --test-dir $build --output-on-failure --parallel "$(nproc)" $labels "$@"
[ $both = no ] || exec tools/test.sh --release
