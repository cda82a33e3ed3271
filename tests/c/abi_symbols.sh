#!/bin/sh
# abi_symbols.sh SHARED STATIC HEADER ABI: the libraries show the functions of the header and
# nothing else, in the shared one with the version of the ABI. The soname carries the ABI number,
# and the shared one cannot be unloaded.
set -eu
shared=$1 static=$2 header=$3 abi=$4
failed=0
fail() {
    echo "$*"
    failed=1
}

declared=$(grep -v '^ *\(/\*\|\*\|#\|//\)' "$header" | grep -o '\bvp_[a-z0-9_]*(' |
    tr -d '(' | LC_ALL=C sort -u)
[ "$(echo "$declared" | wc -l)" -gt 50 ] || fail "the header's functions were not found"

same() {
    [ "$2" = "$declared" ] && return
    fail "$1 does not show the functions of the header:"
    echo "$declared" > declared.txt
    echo "$2" | diff declared.txt - || true
    rm declared.txt
}
# The version itself is an absolute symbol, and what has no version or another keeps its name.
shown=$(nm -D --defined-only "$shared" | awk '$2 != "A" { print $3 }' | LC_ALL=C sort)
same "$shared" "$(echo "$shown" | sed "s/@@VENUEPOOL_$abi\$//")"
same "$static" "$(nm -g --defined-only "$static" | awk 'NF == 3 { print $3 }' | LC_ALL=C sort)"

# Written down, so that a function comes or goes on purpose only.
list=$(dirname "$0")/abi/symbols.txt
[ "${UPDATE_SYMBOLS:-}" != 1 ] || echo "$shown" >"$list"
echo "$shown" | diff "$list" - ||
    fail "the functions are not those of $list; UPDATE_SYMBOLS=1 writes them down (docs/abi.md)"

dynamic=$(readelf -dW "$shared")
echo "$dynamic" | grep -q "SONAME.*\[libvenuepool\.so\.$abi\]" || fail "wrong soname: $dynamic"
echo "$dynamic" | grep -q 'FLAGS_1.*NODELETE' || fail "no NODELETE: $dynamic"
grep -q "^#define VP_ABI_VERSION $abi\$" "$header" || fail "VP_ABI_VERSION is not $abi"
exit $failed
