#!/bin/sh
# One check of the sources; prints what is wrong as FILE:LINE: TEXT and fails.
# usage: check.sh includes|shape|format|cppcheck|tidy|matrix BUILD [PROGRAM]
# PROGRAM: the clang-format, cppcheck, clang-tidy or clang; without it the status is 77, skipped.
set -eu
export LC_ALL=C
build=$2 program=${3-}
cd "$(dirname "$0")/../.."

# Files of a name under those of the folders that are there, in order.
sources()
{
    pattern=$1
    shift
    for folder; do
        [ ! -d "$folder" ] || find "$folder" -type f -name "$pattern"
    done | sort
}
attention="-DD=64 -DALIGNED=1 -DMATRIX=1 -DWARPS=4"
code="core backends losses adapters tools docs"

# skip_without VERSION: other versions of a program find other things.
skip_without()
{
    [ -n "$program" ] && "$program" --version | grep -q "version $1\|Cppcheck $1" && return
    echo "skipped: it needs version $1 of the program, found ${program:-none}"
    exit 77
}

case $1 in
includes)
    sources '*.[ch]' $code | xargs awk -f tests/lint/includes.awk tests/lint/rooms.txt
    ;;
shape)
    { sources '*.[ch]' $code tests; sources '*.cl' $code; } | xargs awk -f tests/lint/shape.awk
    ;;
format)
    skip_without 14
    sources '*.[ch]' $code tests | xargs "$program" --dry-run -Werror
    ;;
cppcheck)
    skip_without 2
    # Wrong about a pointer that a callback does not keep, and about a sum that is never 0.
    mkdir -p "$build/tests/cppcheck"
    "$program" -q -j2 --std=c11 --enable=warning,performance,portability --error-exitcode=1 \
        --template='{file}:{line}: {message} [{id}]' --suppress=missingIncludeSystem \
        --suppress=returnDanglingLifetime --suppress=invalidFunctionArg \
        --cppcheck-build-dir="$build/tests/cppcheck" -D_GNU_SOURCE -Icore -Icore/include \
        -Ibackends $(sources '*.c' $code)
    ;;
tidy)
    skip_without 14
    # The files of the build: another one has no flags to read it with.
    sources '*.c' $code | grep -v '^docs/' | xargs -P 2 -n 20 "$program" -p "$build" --quiet
    ;;
matrix)
    # Kernels for matrix units, which only a GPU can run: they compile, with no array in memory.
    skip_without 15
    while read -r kernel options; do
        # shellcheck disable=SC2086
        ptx=$("$program" -x cl -cl-std=CL1.2 -target nvptx64-nvidia-nvcl -O3 -S -o - -Werror \
            -Xclang -finclude-default-header -cl-mad-enable -DV=4 -DLSZ=64 -DSTRETCH=4 -DIS_CPU=0 \
            -DIS_GPU=1 -include backends/opencl/kernels/common.cl $options \
            "backends/opencl/kernels/$kernel.cl")
        case $ptx in
        *__local_depot*)
            echo "backends/opencl/kernels/$kernel.cl:1: an array is not in registers with $options"
            exit 1
            ;;
        esac
    done <<END
probe_mma
gemm_matrix -DTM=128 -DTN=64 -DWM=64 -DWN=32 -DTRANS_A=0 -DTRANS_B=1 -DRUN=4
gemm_matrix -DTM=32 -DTN=32 -DWM=16 -DWN=16 -DTRANS_A=1 -DTRANS_B=0 -DRUN=1
attention $attention -DREL_H=14 -DREL_W=14 -DWINDOWED=1 -DSEEN=32
attention $attention -DREL_H=0 -DREL_W=0 -DWINDOWED=0 -DSEEN=32
attention_queries $attention -DREL_H=64 -DREL_W=64 -DWINDOWED=0 -DSEEN=16
attention_keys $attention -DREL_H=14 -DREL_W=14 -DWINDOWED=1 -DSEEN=16
attention_tables $attention -DREL_H=14 -DREL_W=14 -DWINDOWED=1 -DSEEN=32
END
    ;;
*)
    echo "check.sh: no check is named $1" >&2
    exit 2
    ;;
esac
