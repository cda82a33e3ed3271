#!/bin/sh
# Measures what the README says under "In numbers", and prints its table; --write puts it there.
#
#   scripts/numbers.sh [--quick] [--write]
#
# Needs the libraries and the mock venue in build (`make`). --quick leaves out the times of a build,
# for which cargo compiles all anew, in build/numbers.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/build/tools/bin:$PATH"
export PATH LC_ALL=C
quick= write=
for option; do
    case $option in
        --quick) quick=1 ;;
        --write) write=1 ;;
        *) echo "numbers.sh: what is $option?" >&2; exit 2 ;;
    esac
done
version=$(sed -n '/^version = /{s/.*"\(.*\)"/\1/p;q}' Cargo.toml)
work=build/numbers
rm -rf "$work"
mkdir -p "$work"

megabytes() { stat -L -c %s "$1" | awk '{ printf "%.1f MB", $1 / 1e6 }'; }
glibc() { objdump -T "$1" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1 | cut -d _ -f 2; }

cmake --build build --target venuepool venuepool_with_venue >&2
library=build/lib/libvenuepool.so.$version
cc -O2 -Wall -Iinclude benches/numbers/pool.c "$library" -Wl,-rpath,"$PWD/build/lib" \
    -o "$work/pool"

# pool CONNECTIONS KEY [OPTION...]: against a mock venue; the smallest of three.
pool() {
    connections=$1 key=$2
    shift 2
    for _ in 1 2 3; do
        build/with-mock-venue build/cargo/release/mock-venue "$@" -- "$work/pool" "$connections"
    done | tr ' ' '\n' | sed -n "s/^$key=//p" | sort -n | head -n 1
}
# slot KEY [OPTION...]: KiB for each connection, from the difference of two sizes.
slot() {
    key=$1
    shift
    few=$(pool 16 "$key" "$@")
    many=$(pool 272 "$key" "$@")
    echo "$few $many" | awk '{ printf "%.1f KiB", ($2 - $1) / 256 }'
}
mkdir -p "$work/certificates"
tls="--tls --cert-dir $work/certificates"

# seconds COMMAND...: the CPU time that it takes, which hardly depends on what else the machine does.
seconds() {
    bash -c 'TIMEFORMAT="%0U %0S"; time "$@" >"$0" 2>&1' "$work/log" "$@" 2>"$work/time" ||
        { cat "$work/log" >&2; exit 1; }
    awk '{ print $1 + $2 " s" }' "$work/time"
}
build_times() {
    cmake -S . -B "$work/tree" -DVENUEPOOL_BUILD_TESTS=OFF -DVENUEPOOL_BUILD_EXAMPLES=OFF \
        -DVENUEPOOL_BUILD_TOOLS=OFF >/dev/null
    clean=$(seconds cmake --build "$work/tree")
    # As after a change of one line: cargo goes by the times of the files.
    touch src/lib.rs
    again=$(seconds cmake --build "$work/tree")
    nothing=$(seconds cmake --build "$work/tree")
    rm -rf "$work/tree"
    echo "| CPU time to build both libraries: clean | $clean |"
    echo "| after a change in one source file | $again |"
    echo "| with nothing to do | $nothing |"
}
released=build/dist/stage/venuepool-$version-linux-x86_64/lib/libvenuepool.so.$version
{
    echo "| | |"
    echo "|---|---|"
    echo "| \`libvenuepool.so\`, stripped | $(megabytes "$library") |"
    echo "| \`libvenuepool.a\`, without debug information | $(megabytes build/lib/libvenuepool.a) |"
    [ ! -e "$released" ] || echo "| glibc that the released library needs | $(glibc "$released") |"
    echo "| glibc that a library built on this machine needs | $(glibc "$library") |"
    # shellcheck disable=SC2086 # words on purpose
    {
        echo "| threads: a pool, and the one that dials for all pools | $(pool 16 threads) |"
        few=$(pool 16 descriptors) many=$(pool 272 descriptors)
        each=$(((many - few) / 256))
        echo "| descriptors: each connection, and besides for the first pool |" \
            "$each, and $((few - 16 * each)) |"
        echo "| memory of a connection: idle, after its first answer |" \
            "$(slot idle_kib), $(slot used_kib) |"
        echo "| the same with TLS 1.3 | $(slot idle_kib $tls), $(slot used_kib $tls) |"
    }
    [ -n "$quick" ] || build_times
} >"$work/table"
cat "$work/table"
[ -z "$write" ] || {
    sed -i -e "/<!-- numbers -->/r $work/table" -e '/<!-- numbers -->/,/<!-- end of numbers -->/{
        /<!-- numbers -->/b
        /<!-- end of numbers -->/b
        d
    }' README.md
}
