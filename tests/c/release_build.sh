#!/bin/sh
# release_build.sh ARCHIVE NATIVE-LIBS-FILE LIB...: the artefacts were built with LTO, and need the
# native libraries that CMake and pkg-config name, and no others but libgcc_s, which is left to the
# compiler: it takes libgcc_eh for a fully static program.
set -eu
archive=$1 file=$2
shift 2

# With LTO all Rust code has become one object; without, each crate has objects of its own.
objects=$(ar t "$archive" | grep '\.rcgu\.o$' | grep -vc '^compiler_builtins' || true)
if [ "$objects" -ne 1 ]; then
    echo "built without LTO: $objects objects of Rust code in $archive"
    exit 1
fi

needed=$(tr ' ' '\n' < "$file" | grep '^-l' | grep -vxF -e -lgcc_s | sort -u)
named=$(printf '%s\n' "$@" | sort -u)
if [ "$needed" != "$named" ]; then
    echo "rustc says that these are needed:" $needed "; cmake/Library.cmake names:" $named
    exit 1
fi
