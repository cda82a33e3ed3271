#!/bin/sh
# The same commit gives the same bytes: builds it once more in another folder, with cargo's folder
# in another place, and compares with build/dist/out. What is not committed is not built here.
. "$(dirname "$0")/common.sh"
# No file tells where it was made.
for archive in "$out"/*.tar.gz; do
    mkdir -p "$work/files"
    tar -xzf "$archive" -C "$work/files"
done
if grep -rlaF -e "$checkout" -e "$HOME/" "$work/files"; then
    fail "these files have a path of this machine"
fi
rm -rf "$work/files"

again=$work/another-folder-of-another-length
git clone --quiet "$checkout" "$again"
mkdir "$again/build" "$work/cargo"
ln -s "$checkout/build/tools" "$again/build/tools"
cargo_home=${CARGO_HOME:-$HOME/.cargo}
cp -al "$cargo_home/registry" "$work/cargo" 2>/dev/null ||
    cp -a "$cargo_home/registry" "$work/cargo"
cp "$cargo_home"/config* "$work/cargo" 2>/dev/null || :
CARGO_HOME="$work/cargo" "$again/scripts/dist.sh" >"$work/log" 2>&1 || {
    tail -n 60 "$work/log"
    exit 1
}
if ! diff "$out/SHA256SUMS" "$again/build/dist/out/SHA256SUMS"; then
    fail "$out and $again/build/dist/out differ"
fi
echo "$(wc -l <"$out/SHA256SUMS") files, the same twice"
