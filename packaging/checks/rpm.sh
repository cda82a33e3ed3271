#!/bin/sh
# The packages for rpm in an empty root with a database of its own: installed, used by a program,
# and removed again. No system of that kind is to be had here, so what they need is read, not met.
. "$(dirname "$0")/common.sh"
root=$work/root
mkdir -p "$root"
in_root() { rpm --root "$root" --dbpath /var/lib/rpm "$@"; }
rpmdb --root "$root" --dbpath /var/lib/rpm --initdb

needs=$(rpm --query --package --requires "$out/venuepool-$version-1.x86_64.rpm")
echo "$needs" | grep -q '^libc.so.6(GLIBC_' || fail "glibc is not among what it needs: $needs"
known='^(lib(c|m|dl|rt|util|pthread|gcc_s)\.so|ld-linux|rpmlib|rtld|/)'
strange=$(echo "$needs" | grep -vE "$known") || :
[ -z "$strange" ] || fail "the library's package needs $strange"
provides=$(rpm --query --package --provides "$out/venuepool-$version-1.x86_64.rpm")
echo "$provides" | grep -q '^libvenuepool.so.0(VENUEPOOL_0)' || fail "it provides $provides"

in_root --install --nodeps --noscripts "$out"/*.rpm
# This system's CMake does not look into lib64 by itself.
cmake -S "$consumer" -B "$work/use" -DWANTED_VERSION="$version" \
    -Dvenuepool_DIR="$root/usr/lib64/cmake/venuepool" >/dev/null
cmake --build "$work/use" >/dev/null
for program in consumer_shared consumer_static consumer_cpp; do "$work/use/$program"; done
(cd "$work/use" && ctest --output-on-failure) | grep '100% tests passed.* out of 4'

in_root --erase --nodeps --noscripts venuepool venuepool-devel venuepool-tools venuepool-debuginfo
left=$(find "$root" -type f ! -path "$root/var/*")
[ -z "$left" ] || fail "this is left: $left"
echo "nothing is left"
