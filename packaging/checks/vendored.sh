#!/bin/sh
# A build without a network: `cargo vendor` gets the packages, and then the library is built in a
# network namespace of its own, with an empty folder of cargo.
. "$(dirname "$0")/common.sh"
git -C "$checkout" archive --format=tar --prefix=sources/ HEAD | tar -x -C "$work"
cd "$work/sources"
cargo vendor --locked --versioned-dirs vendor >>.cargo/config.toml 2>"$work/log"
grep -q vendored-sources .cargo/config.toml || fail "cargo vendor has said nothing of where the packages are"
map=
[ "$(id -u)" -eq 0 ] || map=--map-current-user
# shellcheck disable=SC2086 # no word, or one
unshare --net $map env CARGO_HOME="$work/empty" CARGO_NET_OFFLINE=true \
    RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}" sh -ec '
        cmake -S . -B build -DVENUEPOOL_BUILD_TESTS=OFF -DVENUEPOOL_BUILD_EXAMPLES=OFF \
            -DVENUEPOOL_BUILD_TOOLS=OFF
        cmake --build build
        cmake --install build --prefix installed' >"$work/log" 2>&1 ||
    { tail -n 60 "$work/log"; exit 1; }
[ ! -e "$work/empty/registry" ] || fail "cargo has used a registry"
sh "$checkout/tests/c/notices_cover_the_library.sh" \
    "build/lib/.debug/libvenuepool.so.$version.debug" \
    "$checkout/packaging/notices/THIRD-PARTY-NOTICES-libvenuepool.txt"
cc -DWANTED_VERSION="\"$version\"" -Iinstalled/include "$consumer/consumer.c" \
    -Linstalled/lib -lvenuepool -Wl,-rpath,"$PWD/installed/lib" -o "$work/program"
"$work/program"
