# shellcheck shell=sh
# What all checks of the packages share; they source it. $checkout is the root of the checkout, $out
# has what scripts/dist.sh has made, and $work is an empty folder of the check.
set -eu
checkout=$(cd "$(dirname "$0")/../.." && pwd)
out=$checkout/build/dist/out
work=$checkout/build/packages/$(basename "$0" .sh)
version=$(sed -n '/^version = /{s/.*"\(.*\)"/\1/p;q}' "$checkout/Cargo.toml")
consumer=$checkout/tests/c/consumer
tools=$checkout/build/tools
export PATH="$tools/bin:$tools/python/bin:$tools/cargo/bin:$PATH"
rm -rf "$work"
mkdir -p "$work"

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# unpack_archive FOLDER: the release archive becomes FOLDER.
unpack_archive() {
    mkdir -p "$1"
    tar -xzf "$out/venuepool-$version-linux-x86_64.tar.gz" --strip-components=1 -C "$1"
}
