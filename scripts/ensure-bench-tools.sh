#!/bin/sh
# Gets what `make bench` compares with, and what it measures with, by apt-get where that may be
# used. What cannot be had is named loudly, with what is left out for it.
set -u

say() { echo "ensure-bench-tools: $*" >&2; }

has_header() { echo "#include <$1>" | ${CXX:-c++} -E -x c++ - >/dev/null 2>&1; }
has_venv() { python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }
runs() { "$@" >/dev/null 2>&1; }

# package, what is left out without it, how to see that it is there
each() {
    "$1" libssl-dev "everything: the venue and raw need OpenSSL" has_header openssl/ssl.h
    "$1" openssl "TLS: certificates are made with it" runs openssl version
    "$1" python3 "everything: the driver is in Python" runs python3 --version
    "$1" python3-venv "the plots, unless matplotlib is installed" has_venv
    "$1" libcurl4-openssl-dev "libcurl" has_header curl/curl.h
    "$1" libboost-dev "Boost.Beast" has_header boost/beast.hpp
    "$1" libcpp-httplib-dev "cpp-httplib" has_header httplib.h
    "$1" valgrind "the counts of instructions" runs valgrind --version
    "$1" strace "the counts of system calls" runs strace --version
}

missing=
note() {
    package=$1
    shift 2
    "$@" || missing="$missing $package"
}

install() {
    command -v apt-get >/dev/null || return 1
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || return 1
        sudo='sudo -n'
    fi
    say "installing with apt-get:$missing"
    $sudo apt-get update >&2
    # One by one: a distribution may lack one of them.
    for package in $missing; do
        $sudo env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends "$package" >&2
    done
}

tell() {
    package=$1
    left_out=$2
    shift 2
    "$@" || echo "SKIPPED: $left_out; there is no $package to be had here" >&2
}

each note
[ -z "$missing" ] || install
each tell
# The driver says what it cannot do without; what is left out is no failure.
exit 0
