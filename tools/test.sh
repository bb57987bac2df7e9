#!/bin/sh
# Installs what is missing, builds samcl and runs its tests; the status is theirs.
# usage: tools/test.sh [--sanitize | --release | --runtime NAME] [ARGUMENT OF CTEST]...
#   --sanitize  in build-asan: with the sanitizers of addresses and undefined behaviour, and every
#               warning an error
#   --release   in build-release: with all of the compiler's optimisations, which show what -O2
#               hides; the tests that compute something
#   --runtime   the tests that compute something, on an OpenCL implementation of tools/runtime.sh:
#               intel or rusticl; oclgrind, an interpreter, gets small cases of every op
# Without any argument --release follows the usual tests, so that one call proves both builds.
set -eu
cd "$(dirname "$0")/.."
build=build
options=-DSAMCL_TESTS=ON # the quickstart builds without
labels=
computing="-L model|op|plan|plugin|train"
with=
both=$([ $# = 0 ] && echo yes || echo no)
case "${1-}" in
--sanitize)
    shift
    build=build-asan
    options="$options -DSAMCL_SANITIZE=address,undefined -DSAMCL_WERROR=ON"
    ;;
--release)
    shift
    build=build-release
    options="$options -DCMAKE_BUILD_TYPE=Release -DSAMCL_WERROR=ON"
    labels="$computing -E test_kill"
    ;;
--runtime)
    with="tools/runtime.sh ${2:?expected intel, rusticl or oclgrind}"
    case $2 in
    oclgrind) labels="-R op/test_(ops|order|pointwise|random|updates|widths)" ;;
    # its compiler takes minutes for a width, and its markers have no times
    rusticl) labels="$computing -E test_(kill|profile|widths)" ;;
    *) labels="$computing -E test_kill" ;;
    esac
    shift
    shift
    ;;
esac
tools/install_packages.sh --tests
[ -f $build/CMakeCache.txt ] || options="$options -G Ninja"
cmake -S . -B $build $options
cmake --build $build
$with ctest --test-dir $build --no-tests=error --output-on-failure --parallel "$(nproc)" $labels "$@"
[ $both = no ] || exec tools/test.sh --release
