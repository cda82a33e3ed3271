#!/bin/sh
# What is released loads with the glibc that is promised (VENUEPOOL_GLIBC, 2.17) and any newer one:
# no file needs a newer version of a symbol, and the static library links against the old one.
. "$(dirname "$0")/common.sh"
floor=${VENUEPOOL_GLIBC:-2.17}
unpack_archive "$work/tree"
failed=0

# newest FILE: the newest version of glibc that it needs.
newest() {
    objdump -T "$1" | sed -n 's/.*(\{0,1\}GLIBC_\([0-9.]*\).*/\1/p' | sort -V | tail -n 1
}

is_newer() { [ "$(printf '%s\n%s\n' "$1" "$floor" | sort -V | tail -n 1)" != "$floor" ]; }
is_newer 2.100 && ! is_newer 2.3.4 || fail "versions are compared wrongly"

for file in "lib/libvenuepool.so.$version" bin/mock-venue bin/with-mock-venue \
    bin/venuepool-probe bin/venuepool-top; do
    needs=$(newest "$work/tree/$file")
    [ -n "$needs" ] || fail "$file names no version of glibc"
    echo "$file needs glibc $needs; $floor is promised"
    ! is_newer "$needs" || failed=1
    # A symbol without a version is in no library.
    nowhere=$(objdump -T "$work/tree/$file" | awk '/\*UND\*/ && !/GLIBC_|GCC_/ && !/ w /')
    [ -z "$nowhere" ] || fail "$file needs what no library has: $nowhere"
    # Nothing of the machine that built it either: only libraries that belong to glibc and GCC.
    readelf -dW "$work/tree/$file" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' >"$work/needed"
    grep -vE '^(lib(c|m|dl|rt|util|pthread)\.so\.[0-9]+|libgcc_s\.so\.1|ld-linux-x86-64\.so\.2)$' \
        "$work/needed" && fail "$file needs these libraries"
done
# A program with the static library has no symbol that the old glibc lacks.
VENUEPOOL_GLIBC=$floor "$checkout/packaging/release/zig-cc.sh" -DWANTED_VERSION="\"$version\"" \
    -I"$work/tree/include" "$consumer/consumer.c" "$work/tree/lib/libvenuepool.a" \
    -lgcc_s -lutil -lrt -lpthread -lm -ldl -o "$work/static"
"$work/static"
echo "a static program needs glibc $(newest "$work/static")"
exit $failed
