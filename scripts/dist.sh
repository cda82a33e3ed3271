#!/bin/sh
# Makes what is released, in build/dist/out: archives, packages for dpkg and rpm, the lists of what
# they are built from (SBOM), and SHA256SUMS. The same commit is to give the same bytes in any
# folder, which packaging/checks/reproducible.sh compares.
#
# VENUEPOOL_GLIBC (2.17) is the oldest glibc to run with. SOURCE_DATE_EPOCH is the date of the
# files, that of the commit by default.
set -eu
cd "$(dirname "$0")/.."
scripts/ensure-package-tools.sh
here=$PWD
dist=$here/build/dist
out=$dist/out
PATH="$here/build/tools/bin:$here/build/tools/cargo/bin:$PATH"
export PATH
export VENUEPOOL_GLIBC="${VENUEPOOL_GLIBC:-2.17}"
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
export LC_ALL=C TZ=UTC
umask 022
version=$(sed -n '/^version = /{s/.*"\(.*\)"/\1/p;q}' Cargo.toml)
name=venuepool-$version
target=x86_64-unknown-linux-gnu
say() { echo "dist: $*" >&2; }

[ -z "$(git status --porcelain)" ] || say "the checkout has changes that are not committed"

# No path of this machine gets into a file.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
sources=/usr/src/venuepool packages=/usr/src/cargo
separator=$(printf '\037')
rust="--remap-path-prefix=$here=$sources$separator--remap-path-prefix=$cargo_home=$packages"
export CARGO_ENCODED_RUSTFLAGS="$rust"
c="-ffile-prefix-map=$here=$sources -ffile-prefix-map=$cargo_home=$packages"
# The headers of zig may be in a folder that is shared by a link.
c="$c -ffile-prefix-map=$(realpath build/tools)=$sources/build/tools"
# Not with the target in its name: aws-lc's build sets that one, see .cargo/config.toml.
export CFLAGS="$c"

# With another zig or other options all is built anew.
prepare() {
    export ZIG_GLOBAL_CACHE_DIR="$dist/zig"
    made_with="$(cat build/tools/python/wanted packaging/release/zig-cc.sh) $VENUEPOOL_GLIBC"
    [ "$(cat "$dist/made-with" 2>/dev/null)" != "$made_with" ] || return 0
    rm -rf "$dist"
    mkdir -p "$dist"
    build tar /usr/local lib
    strip_zig
    # They are linked again, of what was stripped.
    rm "$dist"/tar/lib/*.so*
    echo "$made_with" >"$dist/made-with"
}

# zig has compiled parts of glibc and the unwinder for the first link. Their debug information tells
# where zig is installed, so it is taken out.
strip_zig() {
    find "$dist/zig/o" -name '*.o' -exec strip --strip-debug {} +
    # The members of its archives are named by their paths, with which strip cannot cope.
    find "$dist/zig/o" -name '*.a' | while read -r archive; do
        members=$(ar t "$archive")
        rm "$archive"
        # shellcheck disable=SC2086 # words on purpose
        ar rcsD "$archive" $members
    done
}

# build TREE PREFIX LIBDIR: cargo's folder is shared, so it compiles once.
build() {
    cmake -S . -B "$dist/$1" -DCMAKE_TOOLCHAIN_FILE="$here/packaging/release/toolchain.cmake" \
        -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$2" -DCMAKE_INSTALL_LIBDIR="$3" \
        -DVENUEPOOL_BUILD_TESTS=OFF -DVENUEPOOL_BUILD_EXAMPLES=OFF -DVENUEPOOL_BUILD_TOOLS=ON \
        -DVENUEPOOL_GLIBC="$VENUEPOOL_GLIBC" -DVENUEPOOL_CARGO_TARGET_DIR="$dist/cargo" >&2
    cmake --build "$dist/$1" >&2
}

# pack NAME FOLDER: FOLDER/NAME becomes out/NAME.tar.gz, whoever packs it and when.
pack() {
    tar --create --sort=name --format=ustar --owner=0 --group=0 --numeric-owner \
        --mtime="@$SOURCE_DATE_EPOCH" --directory="$2" "$1" | gzip -9n >"$out/$1.tar.gz"
}

archives() {
    build tar /usr/local lib
    stage=$dist/stage
    binary=$name-linux-x86_64
    rm -rf "$stage"
    for part in runtime development tools; do
        cmake --install "$dist/tar" --prefix "$stage/$binary" --component $part >&2
    done
    cmake --install "$dist/tar" --prefix "$stage/$binary-debug" --component debug >&2
    sed "s/@VERSION@/$version/" packaging/meson/meson.build >"$stage/$binary/meson.build"
    pack "$binary" "$stage"
    pack "$binary-debug" "$stage"
    hash=$(sha256sum "$out/$binary.tar.gz" | cut -d ' ' -f 1)
    sed "s/@VERSION@/$version/; s/@HASH@/$hash/" packaging/meson/venuepool.wrap \
        >"$out/venuepool.wrap"
    git archive --format=tar --prefix="$name-source/" HEAD | gzip -9n >"$out/$name-source.tar.gz"
}

debian_packages() {
    build deb /usr lib/x86_64-linux-gnu
    (cd "$dist/deb" && cpack -G DEB -B "$dist/deb/packages" >&2)
    mv "$dist"/deb/packages/*.deb "$out"
}

rpm_packages() {
    build rpm /usr lib64
    (cd "$dist/rpm" && cpack -G RPM -B "$dist/rpm/packages" >&2)
    mv "$dist"/rpm/packages/*.rpm "$out"
}

# The lists are written beside the manifests, so in a copy of the sources.
sbom() {
    rm -rf "$dist/sbom"
    mkdir -p "$dist/sbom"
    git archive --format=tar HEAD | tar -x -C "$dist/sbom"
    (cd "$dist/sbom" && cargo-cyclonedx cyclonedx --quiet --format json --spec-version 1.5 \
        --target $target --no-build-deps >&2)
    for product in venuepool mock-venue venuepool-probe venuepool-top; do
        found=$(find "$dist/sbom" -name "$product.cdx.json")
        sed "s#path+file://$dist/sbom#path+file:///usr/src/venuepool#g" "$found" \
            >"$out/$product-$version.cdx.json"
    done
}

prepare
rm -rf "$out"
mkdir -p "$out"
archives
debian_packages
rpm_packages
sbom
(cd "$out" && sha256sum ./* | sed 's#\./##' >SHA256SUMS)
say "made in build/dist/out:"
ls -l "$out" >&2
