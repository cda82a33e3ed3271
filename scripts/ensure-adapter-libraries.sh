#!/bin/sh
# Gets the libraries that the headers for event loops, the signing examples and the programs of
# docs/migration-from-*.md are tested with, below build/tools, so nothing of the system changes. What
# cannot be had is named loudly; its tests then say SKIPPED.
set -eu
cd "$(dirname "$0")/.."
. scripts/apt.sh

# want PACKAGE HEADER [LIBRARY]: what the system has not is unpacked.
want() {
    if has "$2" "${3:+-l$3}" || is_unpacked "$2"; then return; fi
    if apt_unpack "$1" && is_unpacked "$2"; then
        # So that make configures once more, and finds it.
        touch -c -d @0 build/CMakeCache.txt build/asan/CMakeCache.txt
    else
        echo "SKIPPED: what needs $2, because there is no $1 to be had here" >&2
    fi
}

# Whether that header was unpacked; some are in a folder of the architecture.
is_unpacked() {
    for header in "$tools/debian/usr/include/$1" "$tools"/debian/usr/include/*-linux-gnu*/"$1"; do
        [ ! -e "$header" ] || return 0
    done
    return 1
}

# Whether the system has that header and can link that library.
has() {
    echo "#include <$1>" | ${CXX:-c++} -E -x c++ - >/dev/null 2>&1 || return 1
    # shellcheck disable=SC2086 # no word, or one
    echo "int main() {}" | ${CXX:-c++} -x c++ -o /dev/null - $2 >/dev/null 2>&1
}

want libevent-dev event2/event.h event_core
want libuv1-dev uv.h uv
want libasio-dev asio.hpp
want libboost-dev boost/asio.hpp
want libssl-dev openssl/evp.h crypto
want libsodium-dev sodium.h sodium
want libcurl4-openssl-dev curl/curl.h curl
