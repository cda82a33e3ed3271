#!/bin/sh
# Gets valgrind, which counts the instructions of a request, if none is installed: its package is
# unpacked into build/tools, so nothing of the system changes. Prints the command to run it with.
# Where it cannot be had, says so loudly and prints nothing; those tests are then skipped.
set -eu
cd "$(dirname "$0")/.."
tools="$PWD/build/tools/valgrind"

found() {
    if valgrind --tool=none true >/dev/null 2>&1; then
        echo valgrind
        return 0
    fi
    for library in "$tools"/usr/libexec/valgrind "$tools"/usr/lib/*/valgrind "$tools"/usr/lib/valgrind; do
        # Run, because a library may be missing.
        for program in "$tools/usr/bin/valgrind.bin" "$tools/usr/bin/valgrind"; do
            if VALGRIND_LIB="$library" "$program" --tool=none true >/dev/null 2>&1; then
                echo "env VALGRIND_LIB=$library $program"
                return 0
            fi
        done
    done
    return 1
}

unpack() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    echo "ensure-valgrind: unpacking valgrind into $tools" >&2
    mkdir -p "$tools"
    cd "$tools"
    # The lists of packages may be missing or old; that is only known when the download fails.
    apt-get download -qq valgrind >&2 ||
        { apt-get update -qq >&2 && apt-get download -qq valgrind >&2; }
    dpkg-deb --extract valgrind_*.deb . && rm -f valgrind_*.deb
}

if found; then exit 0; fi
(unpack) || true
found || echo "SKIPPED: the counts of instructions, because there is no valgrind to be had" >&2
