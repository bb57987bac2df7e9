#!/bin/sh
# One check of the sources; prints what is wrong as FILE:LINE: TEXT and fails.
# usage: check.sh includes|shape|format|cppcheck|tidy BUILD [PROGRAM]
# PROGRAM: the clang-format, cppcheck or clang-tidy to use; without it the status is 77, skipped.
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
*)
    echo "check.sh: no check is named $1" >&2
    exit 2
    ;;
esac
