#!/bin/sh
# Builds and tests venuepool with many C compilers, and prints a table: one row for each
# SUITE:COMPILER, such as bookworm:clang-13, of Debian. Without any, those of docs/packaging.md.
#
# Each suite is unpacked to build/toolchains/SUITE from Debian's packages, and entered by chroot in
# namespaces of its own; the system stays as it is. What cannot be had is named as SKIPPED. Cargo's
# folder is that of `make`, so cargo compiles once: what differs is the C compiler and the linker.
set -eu
cd "$(dirname "$0")/.."
. scripts/apt.sh
here=$PWD

[ $# -gt 0 ] || set -- bookworm:gcc-12 bookworm:gcc-12+gold bookworm:gcc-12+mold \
    bookworm:clang-13 bookworm:clang-14 bookworm:clang-14+lld bookworm:clang-15 \
    bookworm:clang-16 bookworm:clang-16+lld bookworm:clang-19 bookworm:clang-19+lld \
    sid:gcc-13 sid:gcc-14 sid:gcc-15 sid:gcc-16 sid:clang-21 sid:clang-22 sid:clang-22+lld

# What the programs below need besides a compiler.
base="base-files bash dash coreutils sed grep gawk diffutils findutils tar gzip make cmake binutils
    libc6-dev pkgconf mount"

# packages SUITE: of its compilers and linkers among the arguments of this script.
packages() {
    suite=$1
    shift
    for row; do
        compiler=${row#*:}
        [ "${row%%:*}" = "$suite" ] || continue
        case $compiler in
            gcc-*) echo "${compiler%+*}" "g++-$(echo "$compiler" | tr -dc 0-9)" ;;
            *) echo "${compiler%+*}" libstdc++-12-dev ;;
        esac
        case $compiler in
            clang-*+lld) echo "lld-$(echo "$compiler" | tr -dc 0-9)" ;;
            *+mold) echo mold ;;
        esac
    done | tr ' ' '\n' | sort -u
}

# unpack SUITE PACKAGE...: into build/toolchains/SUITE, unless they are there.
unpack() {
    suite=$1
    shift
    root=$here/build/toolchains/$suite
    want=$(echo "$@")
    missing=$(for one in $want; do grep -qsxF "$one" "$root.packages" || echo "$one"; done)
    [ -n "$missing" ] || return 0
    echo "unpacking Debian $suite into build/toolchains" >&2
    rm -rf --one-file-system "$root"
    mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib" "$root/usr/lib64" "$root/tmp" \
        "$root.apt/lists/partial" "$root.apt/archives/partial"
    for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$root/$folder"; done
    # The mirror that this system has its own packages from.
    apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep '/debian$' | sort -u |
        sed -n "1s|.*|deb & $suite main|p" >"$root.apt/sources.list"
    cd "$root.apt"
    set -- -qq -o Dir::Etc::SourceList=./sources.list -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::status=/dev/null -o Dir::State::Lists=./lists -o Dir::Cache=./ \
        -o Dir::Cache::Archives=./archives -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
        -o Acquire::GzipIndexes=true -o Acquire::Languages=none -o APT::Sandbox::User=root \
        -o Debug::NoLocking=1
    apt-get "$@" update >&2
    # shellcheck disable=SC2086 # words on purpose
    apt-get "$@" install --no-install-recommends --download-only -y $want >/dev/null
    cd "$here"
    for package in "$root.apt"/archives/*.deb; do
        # tar follows the links of above; dpkg-deb --extract would replace them.
        dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$root"
    done
    rm -rf "$root.apt/archives"
    [ -e "$root/usr/bin/sh" ] || ln -s dash "$root/usr/bin/sh"
    [ -e "$root/usr/bin/awk" ] || ln -s gawk "$root/usr/bin/awk"
    # The venue of the tests is on "localhost".
    mkdir -p "$root/etc"
    echo "127.0.0.1 localhost" >"$root/etc/hosts"
    echo "$want" | tr ' ' '\n' >"$root.packages"
}

# inside SUITE COMMAND...: runs it there, with this checkout and Rust at their own places.
inside() {
    root=$here/build/toolchains/$1
    shift
    rust=$(dirname "$(dirname "$(command -v cargo)")")
    rustup=${RUSTUP_HOME:-$HOME/.rustup}
    map=
    [ "$(id -u)" -eq 0 ] || map=--map-root-user
    # shellcheck disable=SC2016,SC2086 # expanded inside
    unshare --mount $map sh -c '
        root=$1
        for folder in /dev /proc "$2" "$3" "$4"; do
            [ -d "$folder" ] || continue
            mkdir -p "$root$folder"
            mount --rbind "$folder" "$root$folder"
        done
        cd "$2"
        here=$2 rust=$3 rustup=$4
        shift 4
        exec chroot "$root" env -i PATH="$rust/bin:/usr/bin:/usr/sbin" HOME="$HOME" \
            CARGO_HOME="${CARGO_HOME:-$HOME/.cargo}" RUSTUP_HOME="$rustup" CARGO_NET_OFFLINE=true \
            sh -c "cd \"\$0\" && exec \"\$@\"" "$here" "$@"
    ' sh "$root" "$here" "$rust" "$rustup" "$@"
}

# try SUITE COMPILER LINKER: prints its row.
try() {
    suite=$1 cc=$2 linker=$3
    case $cc in
        gcc-*) cxx=g++-${cc#gcc-} ;;
        *) cxx=clang++-${cc#clang-} ;;
    esac
    tree=build/toolchains/$suite-$cc-$linker
    rm -rf "$tree"
    flag=
    [ "$linker" = default ] || flag=-fuse-ld=$linker
    if inside "$suite" sh -c "
        ln -sf $cc /usr/bin/cc && ln -sf $cxx /usr/bin/c++ &&
        cmake -S . -B $tree -DVENUEPOOL_BUILD_EXAMPLES=OFF -DCMAKE_C_COMPILER=$cc \
            -DCMAKE_CXX_COMPILER=$cxx -DVENUEPOOL_CARGO_TARGET_DIR=$here/build/cargo \
            -DCMAKE_SHARED_LINKER_FLAGS=$flag -DCMAKE_EXE_LINKER_FLAGS=$flag &&
        cmake --build $tree --parallel 2 --target venuepool venuepool_mock_venue \
            venuepool_with_venue $(echo $programs) &&
        cd $tree && ctest --output-on-failure --parallel 2 -R '$tests'" >"$tree.log" 2>&1; then
        result=$(sed -n 's/^100% tests passed.* out of \(.*\)/\1 tests pass/p' "$tree.log")
    else
        result="FAILS, see $tree.log"
        failed=1
    fi
    printf '| %s | %s | %s | %s |\n' "$suite" "$cc" "$linker" "$result"
    rm -rf "$tree"
}

# What a compiler or a linker can break; what an order costs and how it heals is not their doing.
programs='abi_layout header_c99 header_cpp17 header_cpp20 header_two_tus null_args dlopen_dlclose
    two_rust_static_libs cpp17_wrapper cpp20_wrapper every_submit_completes_once'
tests="^($(echo $programs | tr ' ' '|')|release_build|abi_symbols|abi_newer_program|components|"
tests="${tests}consumer_cmake|consumer_pkg_config|host_subdirectory_unix_makefiles_on|"
tests="${tests}every_submit_completes_once_callback)\$"
failed=0
echo "| Debian | compiler | linker | result |"
echo "|---|---|---|---|"
for suite in $(printf '%s\n' "$@" | sed 's/:.*//' | sort -u); do
    # shellcheck disable=SC2046,SC2086 # words on purpose
    if ! (unpack "$suite" $base $(packages "$suite" "$@")); then
        echo "SKIPPED: Debian $suite, because its packages are not to be had here"
        continue
    fi
    for row; do
        [ "${row%%:*}" = "$suite" ] || continue
        compiler=${row#*:}
        case $compiler in
            *+*) try "$suite" "${compiler%+*}" "${compiler#*+}" ;;
            *) try "$suite" "$compiler" default ;;
        esac
    done
done
exit $failed
