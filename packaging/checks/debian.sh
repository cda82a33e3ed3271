#!/bin/sh
# The Debian packages in a bare Debian: installed, used by a program, and removed again without a
# trace. The root is made by mmdebstrap in build/packages; this system stays as it is.
. "$(dirname "$0")/common.sh"
suite=${1:-bookworm}
root=$checkout/build/packages/$suite

if [ "$(id -u)" -ne 0 ]; then
    echo "SKIPPED: the Debian packages in a bare Debian, because dpkg needs root there"
    exit 0
fi
if [ ! -e "$root/made" ]; then
    echo "making a root of Debian $suite"
    rm -rf --one-file-system "$root"
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep '/debian$' |
        sort -u | head -n 1)
    mmdebstrap --quiet --variant=minbase --include=build-essential,cmake,pkgconf \
        --aptopt='Acquire::Languages "none"' "$suite" "$root" "deb $mirror $suite main"
    # The venue of the tests is on "localhost".
    echo "127.0.0.1 localhost" >"$root/etc/hosts"
    touch "$root/made"
fi

# inside COMMAND...: in the root, with no network but its own loopback.
inside() {
    unshare --mount --net sh -c '
        ip link set lo up
        mount --bind /dev "$0/dev"
        mount -t proc proc "$0/proc"
        exec chroot "$0" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C "$@"
    ' "$root" "$@"
}
state() { (cd "$root" && find usr etc lib lib64 var/lib/dpkg/info | sort); }

packages="libvenuepool0 libvenuepool-dev venuepool-tools libvenuepool0-dbg"
# shellcheck disable=SC2086 # words on purpose
inside dpkg --purge $packages >/dev/null 2>&1 || :
rm -rf "$root/tmp/check"
mkdir -p "$root/tmp/check" "$root/dev" "$root/proc"
cp "$out"/*.deb "$consumer"/* "$root/tmp/check"
state >"$work/before"

echo "== installed"
inside sh -c 'dpkg --install /tmp/check/*.deb' >"$work/dpkg.log" ||
    { cat "$work/dpkg.log"; exit 1; }
# shellcheck disable=SC2016,SC2086 # expanded inside; words on purpose
inside dpkg-query --show --showformat='${Package} ${Version} ${Status}\n' $packages
[ "$(inside ldconfig -p | grep -c 'libvenuepool.so.0 ')" -eq 1 ] || fail "ldconfig knows it not"

echo "== used"
cat >"$root/tmp/check/use.sh" <<'END'
set -eux
cd /tmp/check
define="-DWANTED_VERSION=\"$1\""
cc "$define" consumer.c $(pkg-config --cflags --libs venuepool) -o shared
./shared
cc -static "$define" consumer.c $(pkg-config --static --libs venuepool) -o static
./static
cmake -S . -B build -DWANTED_VERSION="$1"
cmake --build build
cd build
ctest --output-on-failure
END
inside sh /tmp/check/use.sh "$version" >"$work/use.log" 2>&1 || { cat "$work/use.log"; exit 1; }
grep -A 3 'tests passed' "$work/use.log"

echo "== removed"
rm -rf "$root/tmp/check"
# The library cannot go while the others need it.
if inside dpkg --remove libvenuepool0 >/dev/null 2>&1; then fail "libvenuepool-dev needs it"; fi
# shellcheck disable=SC2086 # words on purpose
inside dpkg --purge $packages >/dev/null
state >"$work/after"
diff "$work/before" "$work/after" || fail "this is left of the packages"
echo "nothing is left"
