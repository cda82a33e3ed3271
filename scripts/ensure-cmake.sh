#!/bin/sh
# Prints the path of a cmake >= 3.16, and installs one if there is none: by apt-get when we may,
# otherwise with pip into build/tools. What happens meanwhile is told on stderr.
set -eu
cd "$(dirname "$0")/.."
tools="$PWD/build/tools"

say() { echo "ensure-cmake: $*" >&2; }

# Whether $1 is a cmake that is new enough.
usable() {
    version=$("$1" --version 2>/dev/null |
        sed -n 's/^cmake version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
    [ -n "$version" ] || return 1
    # shellcheck disable=SC2086 # two words on purpose
    set -- $version
    [ "$1" -gt 3 ] || { [ "$1" -eq 3 ] && [ "$2" -ge 16 ]; }
}

found() {
    for cmake in cmake "$tools/venv/bin/cmake"; do
        if path=$(command -v "$cmake") && usable "$path"; then
            echo "$path"
            return 0
        fi
    done
    return 1
}

apt() {
    command -v apt-get >/dev/null || return 1
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || return 1
        sudo='sudo -n'
    fi
    say "no cmake here; installing it with apt-get"
    # The lists of packages may be missing or old; that is only known when the install fails.
    install="$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends"
    $install cmake >&2 || { $sudo apt-get update >&2 && $install cmake >&2; }
}

pip() {
    command -v python3 >/dev/null || return 1
    say "no cmake here; installing it with pip into $tools"
    mkdir -p "$tools"
    python3 -m venv --clear "$tools/venv" >&2 && "$tools/venv/bin/pip" install --quiet cmake >&2
}

if ! command -v c++ >/dev/null && ! command -v g++ >/dev/null && [ -z "${CXX:-}" ]; then
    say "a C++ compiler is needed; on Debian or Ubuntu: apt-get install g++"
    exit 1
fi
found && exit 0
if apt && found; then exit 0; fi
if pip && found; then exit 0; fi
say "cmake 3.16 or newer is needed and could not be installed; see https://cmake.org/download"
exit 1
