#!/bin/sh
# Gets a cmake >= 3.16 if there is none: unpacks its package, or takes that of pip, both below
# build/tools, so nothing of the system changes. Fails, and says why, when neither can be had.
set -eu
cd "$(dirname "$0")/.."
. scripts/apt.sh

say() { echo "ensure-cmake: $*" >&2; }

# Whether there is one that runs and is new enough.
found() {
    version=$(cmake --version 2>/dev/null |
        sed -n 's/^cmake version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
    # shellcheck disable=SC2086 # two words on purpose
    set -- $version
    [ $# -eq 2 ] && { [ "$1" -gt 3 ] || { [ "$1" -eq 3 ] && [ "$2" -ge 16 ]; }; }
}

pip() {
    command -v python3 >/dev/null || return 1
    say "installing it with pip into $tools/venv"
    python3 -m venv --clear "$tools/venv" >&2 && "$tools/venv/bin/pip" install --quiet cmake >&2 &&
        ln -sf ../venv/bin/cmake ../venv/bin/ctest "$tools/bin"
}

if ! command -v c++ >/dev/null && ! command -v g++ >/dev/null && [ -z "${CXX:-}" ]; then
    say "a C++ compiler is needed; on Debian or Ubuntu: apt-get install g++"
    exit 1
fi
if found; then exit 0; fi
if apt_unpack cmake cmake ctest && found; then exit 0; fi
if pip && found; then exit 0; fi
say "cmake 3.16 or newer is needed and could not be had; see https://cmake.org/download"
exit 1
