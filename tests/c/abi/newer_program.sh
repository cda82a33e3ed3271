#!/bin/sh
# newer_program.sh CC CXX HEADER LIBRARY-FOLDER WORK: what a program sees that was compiled with a
# newer header than the library is. It can ask, and is told; the C++ wrapper asks for it. One that
# calls a function of tomorrow does not start, and the loader names the version that is missing.
set -eu
CC=$1 CXX=$2 header=$3 libraries=$4 work=$5
here=$(cd "$(dirname "$0")" && pwd)
. "$here/declared.sh"
rm -rf "$work"
mkdir -p "$work/include"

sed -e 's/^#define VP_VERSION_MINOR .*/#define VP_VERSION_MINOR 999/' \
    -e 's/^#define VP_VERSION_STRING .*/#define VP_VERSION_STRING "0.999.0"/' \
    -e 's/^#define VP_VERSION_NUMBER .*/#define VP_VERSION_NUMBER 999000/' \
    -e 's/^} vp_stats;/  uint64_t field_of_tomorrow; } vp_stats;/' \
    -e 's/^VP_API const char \*vp_version_string/VP_API int vp_of_tomorrow(void);\n&/' \
    "$header" >"$work/include/venuepool.h"
if [ "$(diff "$header" "$work/include/venuepool.h" | grep -c '^>')" -ne 5 ]; then
    echo "the header of tomorrow could not be made:"
    diff "$header" "$work/include/venuepool.h"
    exit 1
fi

"$CC" -std=c99 -Wall -Wextra -Wpedantic -Werror -I"$work/include" "$here/newer_program.c" \
    "$libraries/libvenuepool.so" "-Wl,-rpath,$libraries" -o "$work/asks"
said=$("$work/asks") || { echo "failed ($?): $said"; exit 1; }
installed=$(sed -n 's/^#define VP_VERSION_STRING "\(.*\)"/\1/p' "$header")
expected="compiled with venuepool 0.999.0, but the library is $installed"
if [ "$said" != "$expected" ]; then
    echo "the program said: $said"
    exit 1
fi

cp -R "${header%.h}.hpp" "${header%.h}" "$work/include"
"$CXX" -std=c++17 -Wall -Wextra -Wpedantic -Werror -I"$work/include" "$here/newer_wrapper.cpp" \
    "$libraries/libvenuepool.so" "-Wl,-rpath,$libraries" -o "$work/opens"
said=$("$work/opens") || { echo "the C++ program opened a pool ($?): $said"; exit 1; }
if [ "$said" != "$expected" ]; then
    echo "the C++ program said: $said"
    exit 1
fi

# The library of tomorrow has its new function in a version of its own, as docs/abi.md says.
cat >"$work/tomorrow.map" <<'MAP'
VENUEPOOL_0 { global: vp_*; local: *; };
VENUEPOOL_0.999 { global: vp_of_tomorrow; } VENUEPOOL_0;
MAP
declared_library "$work/include/venuepool.h" "$work/libvenuepool.so" \
    "-Wl,--version-script=$work/tomorrow.map"
"$CC" -std=c99 -DCALL_OF_TOMORROW -w -I"$work/include" "$here/newer_program.c" \
    "$work/libvenuepool.so" -o "$work/calls"
if said=$(LD_LIBRARY_PATH="$libraries" "$work/calls" 2>&1); then
    echo "a program that calls vp_of_tomorrow ran with the library of today"
    exit 1
fi
case $said in
    *"libvenuepool.so.0: version \`VENUEPOOL_0.999' not found"*) ;;
    *) echo "the loader said: $said"; exit 1 ;;
esac
