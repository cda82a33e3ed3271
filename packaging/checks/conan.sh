#!/bin/sh
# The Conan recipe: makes the package, shared and static, and builds and runs a program with it.
. "$(dirname "$0")/common.sh"
export CONAN_HOME="$work/home"
conan profile detect >/dev/null
# What this checkout was built of need not be compiled again: only venuepool itself has moved.
[ ! -d "$checkout/build/cargo" ] || cp -a "$checkout/build/cargo" "$work/cargo"
variables="{'VENUEPOOL_CARGO_TARGET_DIR': '$work/cargo'}"

# create SHARED TOOLS: makes the package, and tests it.
create() {
    echo "== shared=$1 tools=$2"
    conan create "$checkout/packaging/conan" -o "venuepool/*:shared=$1" -o "venuepool/*:tools=$2" \
        -c "tools.cmake.cmaketoolchain:extra_variables=$variables" \
        -c "tools.cmake.cmake_layout:test_folder=$work/test" >"$work/log" 2>&1 ||
        { tail -n 80 "$work/log"; exit 1; }
    grep -E 'tests passed|^venuepool .*: ' "$work/log"
}
create True True
create False False
