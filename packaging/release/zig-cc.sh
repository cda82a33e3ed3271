#!/bin/sh
# The C compiler of the released libraries: zig's clang and lld with the symbols of an old glibc, so
# that they load on old systems. cargo-zigbuild leaves out what rustc says and lld of zig knows not.
# Code without optimisation would be given zig's checks for undefined behaviour, which need symbols
# that no system has. VENUEPOOL_GLIBC is the version; scripts/ensure-package-tools.sh gets the programs.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
PATH="$here/build/tools/python/bin:$PATH"
export PATH
exec cargo-zigbuild zig cc -- -target "x86_64-linux-gnu.${VENUEPOOL_GLIBC:-2.17}" \
    -fno-sanitize=undefined "$@"
