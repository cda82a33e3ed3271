#!/bin/sh
# Gets what `make bench` compares with, and what it measures with, by apt-get where that may be
# used. What cannot be had is named loudly, with what is left out for it; fails when that is all.
set -eu
cd "$(dirname "$0")/.."
. scripts/apt.sh

has_header() { echo "#include <$1>" | ${CXX:-c++} -E -x c++ - >/dev/null 2>&1; }
has_venv() { python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }
runs() { "$@" >/dev/null 2>&1; }

# get PACKAGE how to see that it is there
get() {
    package=$1
    shift
    "$@" || { apt_install "$package" && "$@"; }
}

# want "what is left out without it" PACKAGE how to see that it is there
want() {
    left_out=$1
    shift
    get "$@" || echo "SKIPPED: $left_out; there is no $1 to be had here" >&2
}

# The venue and raw need OpenSSL, and the driver is in Python.
for needed in "libssl-dev has_header openssl/ssl.h" "python3 runs python3 --version"; do
    # shellcheck disable=SC2086 # words on purpose
    get $needed && continue
    echo "SKIPPED: everything; there is no ${needed%% *} to be had here, so apt-get install it" >&2
    exit 1
done
want "TLS: certificates are made with it" openssl runs openssl version
want "the plots, unless matplotlib is installed" python3-venv has_venv
want "libcurl" libcurl4-openssl-dev has_header curl/curl.h
want "Boost.Beast" libboost-dev has_header boost/beast.hpp
want "websocketpp" libwebsocketpp-dev has_header websocketpp/version.hpp
want "cpp-httplib" libcpp-httplib-dev has_header httplib.h
want "the counts of instructions" valgrind runs valgrind --version
want "the counts of system calls" strace runs strace --version
