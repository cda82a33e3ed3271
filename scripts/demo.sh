#!/bin/sh
# Shows the pool at work; `make demo` builds what it needs and runs it.
#
#   scripts/demo.sh              a C++ engine trades with a mock venue over TLS, which misbehaves
#   scripts/demo.sh https://HOST/PATH   harmless GETs to a real host, and how long they take
#
# BUILD_DIR is the CMake build folder (build), DEMO_SECONDS how long it takes (8).
set -eu
cd "$(dirname "$0")/.."

build=${BUILD_DIR:-build}
time=${DEMO_SECONDS:-8}
venue=${MOCK_VENUE:-$build/cargo/release/mock-venue}

need() {
    [ -x "$1" ] && return
    echo "demo: there is no $1; 'make demo' builds it" >&2
    exit 1
}

if [ $# -gt 0 ]; then
    need "$build/c_examples/probe"
    exec "$build/c_examples/probe" --url "$1" --count "$time"
fi
need "$build/c_examples/demo"
need "$venue"

folder=$(mktemp -d "${TMPDIR:-/tmp}/venuepool-demo.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The venue ends when its standard input does: when this script is gone, however it went.
mkfifo "$folder/lifeline"
exec 3<>"$folder/lifeline"
"$venue" --tls --cert-dir "$folder" --hmac-secret demo-secret --ready-file "$folder/ready" \
    --exit-with-parent --max-seconds 600 <"$folder/lifeline" >"$folder/log" 2>&1 3>&- &

tries=0
until [ -e "$folder/ready" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ] || ! kill -0 $! 2>/dev/null; then
        echo "demo: the mock venue did not start:" >&2
        cat "$folder/log" >&2
        exit 1
    fi
    sleep 0.1
done

ready() {
    sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$folder/ready"
}
"$build/c_examples/demo" --url "$(ready url)" --ca "$(ready ca)" --control "$(ready control)" \
    --count "$time" 3>&-
