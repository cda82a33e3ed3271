# shellcheck shell=sh
# How ensure-*.sh get packages of Debian or Ubuntu; they source it at the root of the checkout.
# Nothing here asks anybody anything, and the status tells whether it has worked.
#
# What is unpacked lies in build/tools/debian; its programs are in build/tools/bin, which is first
# in the PATH, here and in the Makefile.

tools="$PWD/build/tools"
PATH="$tools/bin:$PATH"

# Said here, before every step of the build says it in its own words.
if ! mkdir -p "$tools/bin" 2>/dev/null || [ ! -w "$tools/bin" ]; then
    echo "build/ in $PWD is not $(id -un)'s to write; clone the repository to a folder that is" >&2
    exit 1
fi

# apt_install PACKAGE: into the system, by root or by a sudo that needs no password.
apt_install() {
    command -v apt-get >/dev/null || return 1
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || return 1
        sudo='sudo -n'
    fi
    echo "installing $1 with apt-get" >&2
    # The lists of packages may be missing or old; that is only known when the install fails.
    install="$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $1"
    $install </dev/null >&2 || { $sudo apt-get update >&2 && $install </dev/null >&2; }
}

# apt_unpack PACKAGE PROGRAM...: and what it depends on. Needs no rights; the system stays as it is.
apt_unpack() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    echo "unpacking $1 into $tools/debian" >&2
    mkdir -p "$tools/debian" "$tools/apt/lists/partial" "$tools/apt/archives/partial"
    (cd "$tools/apt" && apt_download "$1") || return 1
    for package in "$tools"/apt/archives/*.deb; do
        dpkg-deb --extract "$package" "$tools/debian" || return 1
        rm "$package"
    done
    mend_links
    shift
    for program; do
        ln -sf ../../../scripts/unpacked.sh "$tools/bin/$program"
    done
}

# A library that the system has is not unpacked, so what was unpacked may lead nowhere: it is led there.
mend_links() {
    for link in "$tools"/debian/usr/lib/*-linux-gnu*/lib*.so; do
        [ -L "$link" ] && [ ! -e "$link" ] || continue
        folder=${link%/*}
        library=/usr/lib/${folder##*/}/$(readlink "$link")
        [ ! -e "$library" ] || ln -sf "$library" "$link"
    done
}

# apt_download PACKAGE: to ./archives, with lists of packages of our own in ./lists.
apt_download() {
    package=$1
    set -- -qq -o Dir::State::Lists=./lists -o Dir::Cache=./ -o Dir::Cache::Archives=./archives \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Acquire::GzipIndexes=true \
        -o Acquire::Languages=none -o APT::Sandbox::User=root -o Debug::NoLocking=1
    download="install --no-install-recommends --download-only $package"
    # shellcheck disable=SC2086 # words on purpose
    apt-get "$@" $download >/dev/null 2>&1 || {
        apt-get "$@" update >&2 && apt-get "$@" $download >&2
    }
}
