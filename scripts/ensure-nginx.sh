#!/bin/sh
# Gets nginx for the tests against a server that is not ours, if none is installed: its package is
# unpacked into build/tools, so nothing of the system changes and no service starts. Where that
# cannot be done, it says so loudly, and those tests are skipped.
set -eu
cd "$(dirname "$0")/.."
tools="$PWD/build/tools/nginx"

found() {
    for nginx in /usr/sbin/nginx /usr/bin/nginx /usr/local/sbin/nginx "$tools/usr/sbin/nginx"; do
        # Run, because a library may be missing.
        if [ -x "$nginx" ] && "$nginx" -V 2>/dev/null; then return 0; fi
    done
    return 1
}

unpack() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    echo "ensure-nginx: unpacking nginx into $tools" >&2
    mkdir -p "$tools"
    cd "$tools"
    # The lists of packages may be missing or old; that is only known when the download fails.
    apt-get download -qq nginx >&2 || { apt-get update -qq >&2 && apt-get download -qq nginx >&2; }
    dpkg-deb --extract nginx_*.deb . && rm -f nginx_*.deb
}

found || (unpack) || true
found || echo "SKIPPED: the tests against nginx, because there is no nginx to be had here" >&2
