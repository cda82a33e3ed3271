#!/bin/sh
# Compiles each header alone: with each compiler that is found, in each standard, with all warnings
# as errors. What is left out is said in a line that begins with "left out".
#
#   scripts/compile-matrix.sh              compilers of the PATH: g++, g++-N, clang++, clang++-N
#   CXX_COMPILERS="/opt/gcc/bin/g++" scripts/compile-matrix.sh
#
# Libraries that a header needs are those of the system or of build/tools/debian, where
# scripts/ensure-adapter-libraries.sh unpacks them. Fails if a header does not compile, or if there
# is no compiler.
set -u
cd "$(dirname "$0")/.." || exit 1

unpacked=build/tools/debian/usr/include
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"

# clang's -Weverything has warnings about other languages, and some exclude each other. Without:
# - c++98-compat, c++98-compat-pedantic: the headers are C++17, and say so;
# - padded: the layout of the structs is that of the ABI;
# - unsafe-buffer-usage: arrays of C come as a pointer and a length;
# - switch-default, covered-switch-default: whoever obeys the one has the other.
everything="-Weverything -Wno-c++98-compat -Wno-c++98-compat-pedantic -Wno-padded
    -Wno-unsafe-buffer-usage -Wno-switch-default -Wno-covered-switch-default
    -Wno-unknown-warning-option"

# The compilers, each once: names that lead to the same file count as one.
compilers() {
    if [ -n "${CXX_COMPILERS:-}" ]; then
        echo "$CXX_COMPILERS" | tr ' ' '\n'
        return
    fi
    echo "$PATH" | tr ':' '\n' | while read -r folder; do
        for program in "$folder"/g++ "$folder"/g++-[0-9]* \
            "$folder"/clang++ "$folder"/clang++-[0-9]*; do
            [ -x "$program" ] && readlink -f "$program" | sed "s|\$| $program|"
        done
    done | sort -u -k1,1 | sed 's/^[^ ]* //'
}

# compiles COMPILER OPTION...: standard input, as C++ unless the options say otherwise.
compiles() {
    # shellcheck disable=SC2086 # words on purpose
    "$@" -fsyntax-only -I include -isystem "$unpacked" $options - 2>"$messages"
}

# check COMPILER STANDARD HEADER [OPTION...]: one cell of the matrix. The header is included twice.
check() {
    compiler=$1 standard=$2 header=$3
    shift 3
    cells=$((cells + 1))
    if printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
        compiles "$compiler" "-std=$standard" "$@"; then return; fi
    failed=$((failed + 1))
    echo "$compiler -std=$standard $*: $header does not compile:"
    head -n 20 "$messages"
}

# The library of a header; none for most.
needs() {
    case $1 in
        venuepool/asio.hpp) echo asio.hpp ;;
        venuepool/libevent.hpp) echo event2/event.h ;;
        venuepool/libuv.hpp) echo uv.h ;;
        venuepool/simdjson.hpp) echo simdjson.h ;;
    esac
}

# can_include COMPILER HEADER
can_include() {
    echo "#include <$2>" | "$1" -E -x c++ -isystem "$unpacked" - >/dev/null 2>&1
}

# accepts COMPILER STANDARD
accepts() {
    echo "int main() {}" | "$1" -x c++ "-std=$2" -fsyntax-only - >/dev/null 2>&1
}

# is_slow HEADER: its library takes seconds to read. The first and the last standard are enough.
is_slow() {
    case $1 in
        venuepool/asio.hpp | venuepool/simdjson.hpp) true ;;
        *) false ;;
    esac
}

# cpp COMPILER STANDARD: all headers.
cpp() {
    for header in venuepool.h venuepool.hpp $(cd include && ls venuepool/*.hpp); do
        if [ "$2" = c++20 ] && is_slow "$header"; then continue; fi
        library=$(needs "$header")
        if [ -n "$library" ] && ! can_include "$1" "$library"; then
            echo "left out: $header with $1, because there is no $library"
        else
            check "$1" "$2" "$header" -x c++
        fi
    done
    if [ "$2" = c++20 ]; then
        return
    elif can_include "$1" boost/asio.hpp; then
        check "$1" "$2" venuepool/asio.hpp -x c++ -DVENUEPOOL_BOOST_ASIO
    else
        echo "left out: venuepool/asio.hpp with Boost.Asio and $1, because there is none"
    fi
}

messages=$(mktemp)
trap 'rm -f "$messages"' EXIT
cells=0 failed=0 found=0
for compiler in $(compilers); do
    found=$((found + 1))
    # A C++ compiler compiles C, too.
    options=$warnings
    for standard in c99 c11 c17; do
        check "$compiler" "$standard" venuepool.h -x c
    done
    if "$compiler" --version | grep -q clang; then options="$warnings $everything"; fi
    for standard in c++17 c++20 c++23; do
        if accepts "$compiler" $standard; then
            cpp "$compiler" $standard
        else
            echo "left out: $standard with $compiler, which has it not"
        fi
    done
    echo "$("$compiler" --version | head -n 1): done"
done
echo "cells: $cells, compilers: $found, failed: $failed"
[ "$failed" -eq 0 ] && [ "$found" -gt 0 ]
