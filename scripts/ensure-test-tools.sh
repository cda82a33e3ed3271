#!/bin/sh
# Gets what some of the tests need besides, below build/tools, so nothing of the system changes and
# no service starts. What cannot be had is named loudly, with the tests that are skipped for it.
set -eu
cd "$(dirname "$0")/.."
. scripts/apt.sh

# The programs are run, because a library may be missing.
runs() { "$@" >/dev/null 2>&1; }
microsocks_runs() { microsocks -h 2>&1 | grep -q SOCKS5; }
nginx_runs() { PATH="$PATH:/usr/sbin:/usr/local/sbin" runs nginx -V; }

# need PACKAGE PROGRAM "what is left out without it" how to see that it is there
need() {
    package=$1 program=$2 left_out=$3
    shift 3
    if "$@" || { apt_unpack "$package" "$program" && "$@"; }; then return; fi
    echo "SKIPPED: $left_out, because there is no $program to be had here" >&2
}

need nginx nginx "the tests against nginx" nginx_runs
need tinyproxy-bin tinyproxy "the tests against tinyproxy" runs tinyproxy -v
need microsocks microsocks "the tests against microsocks" microsocks_runs
need iproute2 ip "the tests across a network" runs ip -V
need gdb gdb "the test that the probes fire" runs gdb -nx -batch
need tshark tshark "the tests that Wireshark decrypts by the key log" runs tshark -v
need valgrind valgrind "the counts of instructions and cache lines" runs valgrind --tool=none true
# memcheck finds functions of the dynamic linker by their names, which are in its debug file. It looks
# for that in the folder of the linker below another root, and not by the build id.
unpack_debug_files() {
    apt_unpack libc6-dbg || return
    debug=$tools/debian/usr/lib/debug
    for folder in /usr/lib/*-linux-gnu*; do
        mkdir -p "$debug$folder"
        ln -sf "$debug"/.build-id/*/*.debug "$debug$folder/"
    done
}
runs valgrind true || { unpack_debug_files && runs valgrind true; } ||
    echo "SKIPPED: the suppressions for valgrind, because there is no libc6-dbg to be had here" >&2
need abigail-tools abidiff "the comparison of the ABI with its reference" runs abidiff --version
need ninja-build ninja "the tests of a host built by Ninja" runs ninja --version
need pkg-config pkg-config "the test of venuepool.pc" runs pkg-config --version

# need_python PACKAGE MODULE "what is left out without it"
need_python() {
    export PYTHONPATH="$tools/python"
    if runs python3 -c "import $2"; then return; fi
    echo "installing $1 into $tools/python" >&2
    runs python3 -m pip install --quiet --disable-pip-version-check --target "$tools/python" "$1" ||
        echo "SKIPPED: $3, because there is no $1 of Python to be had here" >&2
}

need_python hdrhistogram hdrh "the test that HdrHistogram of Python reads the histograms"

need_python prometheus_client prometheus_client "the test that Prometheus' parser reads the metrics"
need_python websockets websockets.sync.server "the test of sessions with websockets of Python"

need nodejs node "the test of sessions with ws of Node.js" runs node --version

# need_node PACKAGE "what is left out without it": by npm, or else by apt.
need_node() {
    export NODE_PATH="$tools/node/node_modules:$tools/debian/usr/share/nodejs"
    if runs node -e "require('$1')"; then return; fi
    echo "installing $1 into $tools/node" >&2
    mkdir -p "$tools/node"
    runs npm install --silent --no-audit --no-fund --prefix "$tools/node" "$1" ||
        apt_unpack "node-$1" || :
    runs node -e "require('$1')" ||
        echo "SKIPPED: $2, because there is no $1 of Node.js to be had here" >&2
}

need_node ws "the test of sessions with ws of Node.js"

# need_library PACKAGE HEADER "what is left out without it"
need_library() {
    if echo "#include <$2>" | ${CXX:-c++} -E -x c++ - >/dev/null 2>&1; then return; fi
    [ -e "$tools/debian/usr/include/$2" ] || apt_unpack "$1" || :
    [ -e "$tools/debian/usr/include/$2" ] ||
        echo "SKIPPED: $3, because there is no $1 to be had here" >&2
}

need_library libfmt-dev fmt/format.h "the test of venuepool/format.hpp with fmt"
need_library libspdlog-dev spdlog/spdlog.h "the example that logs to spdlog"
need_library libsimdjson-dev simdjson.h "the test of venuepool/simdjson.hpp"

scripts/ensure-adapter-libraries.sh
