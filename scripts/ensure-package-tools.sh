#!/bin/sh
# Gets what `make dist` and `make check-packages` need besides, below build/tools: zig, conan, meson
# and cargo-zigbuild from pip; cargo-deny and cargo-cyclonedx from cargo; mmdebstrap and
# rpmbuild from Debian. What cannot be had is named, and the status then is 1.
set -eu
cd "$(dirname "$0")/.."
. scripts/apt.sh
failed=0

# Versions are fixed, because a release must be the same whoever makes it.
python=build/tools/python
want="cargo-zigbuild==0.24.1 conan==2.34.0 meson==1.12.1 ziglang==0.17.1"
# shellcheck disable=SC2086 # words on purpose
if [ "$(cat $python/wanted 2>/dev/null)" != "$want" ]; then
    echo "installing $want with pip into $python" >&2
    if python3 -m venv --clear $python >&2 && $python/bin/pip install --quiet $want >&2; then
        echo "$want" >$python/wanted
    else
        echo "MISSING: $want, because pip cannot install them" >&2
        failed=1
    fi
fi

for tool in cargo-cyclonedx@0.5.9 cargo-deny@0.20.2; do
    name=${tool%@*}
    grep -qsF "\"$name ${tool#*@} " build/tools/cargo/.crates.toml && continue
    echo "installing $tool with cargo into build/tools/cargo" >&2
    nice cargo install --quiet --locked --root build/tools/cargo "$tool" >&2 || {
        echo "MISSING: $tool, because cargo cannot install it" >&2
        failed=1
    }
done

command -v mmdebstrap >/dev/null || apt_unpack mmdebstrap mmdebstrap || {
    echo "MISSING: mmdebstrap, because its package is not to be had here" >&2
    failed=1
}

command -v rpmbuild >/dev/null || apt_unpack rpm rpmbuild rpm rpmdb || {
    echo "MISSING: rpmbuild, because its package is not to be had here" >&2
    failed=1
}

# cpack comes with cmake; ensure-cmake.sh links only what the build needs.
scripts/ensure-cmake.sh
command -v cpack >/dev/null || {
    cmake=$(cmake -E capabilities >/dev/null && command -v cmake)
    case $(readlink "$cmake") in
        *unpacked.sh) ln -sf ../../../scripts/unpacked.sh build/tools/bin/cpack ;;
        *) ln -sf ../venv/bin/cpack build/tools/bin/cpack ;;
    esac
}
exit $failed
