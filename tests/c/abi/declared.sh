# shellcheck shell=sh
# A library that a header declares, with functions that do nothing; scripts beside this one source
# it. abidiff compares such libraries: their types are those of the header, which no version of the
# Rust compiler changes. That they are those of the real library is the test abi_layout's.

# declared_library HEADER LIBRARY [OPTION...]: needs $CC; the options are for the linker.
declared_library() {
    declared=$1 library=$2
    shift 2
    mkdir -p "$library.d"
    cp "$declared" "$library.d/venuepool.h"
    awk 'BEGIN { print "#include \"venuepool.h\"" }
        /^#/ { next }
        # Parameters are of integer types, so the enumerators need functions of their own.
        /^enum vp_[a-z_]+$/ { print "void values_of_" $2 "(enum " $2 " *value) { (void)value; }" }
        /VP_API/ { inside = 1 }
        inside { if (sub(/; *$/, " { __builtin_trap(); }")) inside = 0; print }
        ' "$declared" >"$library.d/functions.c"
    "$CC" -g -O0 -fPIC -shared "-Wl,-soname,libvenuepool.so.0" "$@" "$library.d/functions.c" \
        -o "$library"
}
