#!/bin/sh
# no_processor.sh CMAKE SOURCES WORK CC: a toolchain that names a system but no processor is refused,
# and the message says what to set. With a Rust target, it is enough.
set -eu
cmake=$1 sources=$2 work=$3 cc=$4
rm -rf "$work"
configure() {
    "$cmake" -S "$sources" -B "$work/$1" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_C_COMPILER="$cc" \
        -DVENUEPOOL_BUILD_TESTS=OFF -DVENUEPOOL_BUILD_EXAMPLES=OFF -DVENUEPOOL_BUILD_TOOLS=OFF \
        $2 2>&1
}
if said=$(configure refused ""); then
    echo "it was not refused: $said"
    exit 1
fi
echo "$said" | tr -s '\n ' ' ' | grep 'set CMAKE_SYSTEM_PROCESSOR'
configure named -DVENUEPOOL_RUST_TARGET=x86_64-unknown-linux-gnu
