#!/bin/sh
# Shows the pool at work; `make demo` builds what it needs and runs it.
#
#   scripts/demo.sh              a C++ engine trades with a mock venue over TLS, which misbehaves;
#                                then the probe measures one, and writes a report
#   scripts/demo.sh https://HOST/PATH   harmless GETs to a real host, and how long they take
#
# BUILD_DIR is the CMake build folder (build), DEMO_SECONDS how long the engine trades (8). The
# report is in BUILD_DIR/demo-report.
set -eu
cd "$(dirname "$0")/.."

build=${BUILD_DIR:-build}
time=${DEMO_SECONDS:-8}
venue=${MOCK_VENUE:-$build/cargo/release/mock-venue}
probe=${PROBE:-$build/cargo/release/venuepool-probe}

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
need "$probe"

folder=$(mktemp -d "${TMPDIR:-/tmp}/venuepool-demo.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The venues end when their standard input does: when this script is gone, however it went.
mkfifo "$folder/lifeline"
exec 3<>"$folder/lifeline"

# start_venue NAME OPTION...: its certificates and its ready line are in $folder/NAME.
start_venue() {
    name=$1
    shift
    mkdir "$folder/$name"
    "$venue" --tls --cert-dir "$folder/$name" --ready-file "$folder/$name/ready" "$@" \
        --exit-with-parent --max-seconds 600 <"$folder/lifeline" >"$folder/$name/log" 2>&1 3>&- &
    tries=0
    until [ -e "$folder/$name/ready" ]; do
        tries=$((tries + 1))
        if [ "$tries" -gt 100 ] || ! kill -0 $! 2>/dev/null; then
            echo "demo: the mock venue did not start:" >&2
            cat "$folder/$name/log" >&2
            exit 1
        fi
        sleep 0.1
    done
}

# ready NAME KEY: from the ready line of a venue.
ready() {
    sed -n "s/.*\"$2\":\"\([^\"]*\)\".*/\1/p" "$folder/$1/ready"
}

start_venue trade --hmac-secret demo-secret
"$build/c_examples/demo" --url "$(ready trade url)" --ca "$(ready trade ca)" \
    --control "$(ready trade control)" --count "$time" 3>&-

# Some answers are slow, some connections are reset, and once the venue asks for a pause.
start_venue measure --fault delay=15ms,every:97 --fault close-after=20,rst,every:300 \
    --fault status=429,retry-after:1,every:900
report=$build/demo-report
"$probe" "$(ready measure url)/api/v3/time" --ca-file "$(ready measure ca)" --connections 4 \
    --rate 250 --duration 5s --max-age 3s --out "$report" 3>&-
echo
echo "  The report of the probe, for a browser: $(cd "$report" && pwd)/report.html"
