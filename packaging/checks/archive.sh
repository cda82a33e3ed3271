#!/bin/sh
# The release archive works where it is unpacked: by find_package with its tests, by pkg-config,
# also for a fully static program, and by Meson in three ways.
. "$(dirname "$0")/common.sh"
tree="$work/moved here"
unpack_archive "$tree"
define="-DWANTED_VERSION=\"$version\""

echo "== find_package, and the tests against the mock venue"
cmake -S "$consumer" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$tree" -DWANTED_VERSION="$version"
cmake --build "$work/cmake"
for program in consumer_shared consumer_static consumer_cpp; do "$work/cmake/$program"; done
(cd "$work/cmake" && ctest --output-on-failure) | tee "$work/ctest.log"
grep -q '100% tests passed.* out of 4' "$work/ctest.log"

echo "== the examples, as a project of their own"
cmake -S "$checkout/c_examples" -B "$work/examples" -DCMAKE_PREFIX_PATH="$tree" >/dev/null
cmake --build "$work/examples" --parallel 2 >/dev/null
(cd "$work/examples" && ctest --output-on-failure -R 'place_order|readme|burst|rate_limits') |
    tee "$work/ctest.log"
grep -q '100% tests passed' "$work/ctest.log"

echo "== pkg-config"
export PKG_CONFIG_PATH="$tree/lib/pkgconfig"
eval "cc '$define' $(pkg-config --cflags venuepool) '$consumer/consumer.c' \
    $(pkg-config --libs venuepool) '-Wl,-rpath,$tree/lib' -o '$work/shared'"
"$work/shared"
echo "== pkg-config --static, for a program with no shared library at all"
for compiler in cc clang; do
    command -v $compiler >/dev/null || continue
    eval "$compiler -static '$define' $(pkg-config --cflags venuepool) '$consumer/consumer.c' \
        $(pkg-config --static --libs venuepool) -o '$work/static'"
    if readelf -dW "$work/static" | grep NEEDED; then fail "the program is not fully static"; fi
    "$work/static"
done

meson_project() {
    mkdir -p "$work/$1"
    cp "$consumer/consumer.c" "$consumer/order.c" "$work/$1"
    cat >"$work/$1/meson.build" <<END
project('consumer', 'c')
venuepool = dependency('venuepool', version: '>=$version'$2)
consumer = executable('consumer', 'consumer.c', dependencies: venuepool,
  c_args: '-DWANTED_VERSION="$version"')
test('consumer', consumer)
$3
END
}
venue_test="order = executable('order', 'order.c', dependencies: venuepool)
test('order', find_program('with-mock-venue'),
  args: [find_program('mock-venue'), '--', order])"

# meson_run NAME [OPTION...]: builds it, and runs its tests.
meson_run() {
    project=$work/$1
    shift
    meson setup "$@" "$project" "$project/build" >"$project/log" || { cat "$project/log"; exit 1; }
    meson compile -C "$project/build" >>"$project/log" || { cat "$project/log"; exit 1; }
    LD_LIBRARY_PATH="$tree/lib" meson test -C "$project/build" --print-errorlogs
}
echo "== Meson, by pkg-config"
meson_project meson-pkg-config ", method: 'pkg-config'" ""
meson_run meson-pkg-config
echo "== Meson, by CMake"
unset PKG_CONFIG_PATH
meson_project meson-cmake ", method: 'cmake', modules: ['venuepool::venuepool']" ""
meson_run meson-cmake --cmake-prefix-path "$tree"
for kind in shared static; do
    echo "== Meson, by the wrap: $kind"
    meson_project "meson-wrap-$kind" "" "$venue_test"
    mkdir -p "$work/meson-wrap-$kind/subprojects/packagefiles"
    cp "$out/venuepool.wrap" "$work/meson-wrap-$kind/subprojects"
    cp "$out/venuepool-$version-linux-x86_64.tar.gz" \
        "$work/meson-wrap-$kind/subprojects/packagefiles"
    meson_run "meson-wrap-$kind" -Ddefault_library=$kind
done
