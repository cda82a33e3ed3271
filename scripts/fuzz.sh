#!/bin/sh
# Runs each fuzz target for a bounded time: scripts/fuzz.sh [SECONDS [TARGET...]]; 60 seconds each by
# default. Needs a nightly toolchain and a C++ compiler; gets cargo-fuzz itself when it is missing.
#
# The corpus in fuzz/corpus is read and not changed; what is found on the way goes to fuzz/found. A
# crash, a hang or a disagreement ends the script with an error, and its input lies in fuzz/artifacts.
# SANITIZER=none is several times faster than the default, address.
set -eu
cd "$(dirname "$0")/.."

seconds=${1:-60}
[ $# -gt 0 ] && shift
case $seconds in
    '' | *[!0-9]*) echo "usage: $0 [SECONDS [TARGET...]]" >&2; exit 2 ;;
esac
[ $# -gt 0 ] || set -- response exchanges request c_api ws_frames ws_handshake
sanitizer=${SANITIZER:-address}

if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "fuzz.sh: no nightly toolchain, which libFuzzer needs: rustup toolchain install nightly" >&2
    exit 1
fi
cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked

folder=$PWD/fuzz
cargo +nightly fuzz build --sanitizer "$sanitizer" --release
for target; do
    mkdir -p "$folder/found/$target" "$folder/artifacts/$target"
    # Long inputs tell the C functions nothing that short ones do not.
    case $target in
        c_api) max_len=500 ;;
        *) max_len=2000 ;;
    esac
    case $target in
        ws_frames) dict=ws.dict ;;
        *) dict=http.dict ;;
    esac
    echo "== $target: $seconds seconds"
    cargo +nightly fuzz run --sanitizer "$sanitizer" --release "$target" \
        "$folder/found/$target" "$folder/corpus/$target" -- \
        -dict="$folder/$dict" -max_len=$max_len -max_total_time="$seconds" \
        -rss_limit_mb=2048 -timeout=25 -verbosity=0 -print_final_stats=1
done
