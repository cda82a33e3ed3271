#!/bin/sh
# library_size.sh SHARED DEBUG STATIC: the libraries are no larger than written down here, and the
# debug information of the shared one is in a file that belongs to it.
set -eu
shared=$1 debug=$2 static=$3
failed=0
fail() {
    echo "$*"
    failed=1
}

# at_most FILE BYTES: more needs a reason, and then another number here and in docs/packaging.md.
at_most() {
    bytes=$(stat -L -c %s "$1")
    echo "$1: $bytes bytes, at most $2"
    [ "$bytes" -le "$2" ] || fail "it has grown"
}
# 5.45 MiB: 5.42 MiB are made. `scripts/sizes.py` tells what they belong to, and docs/packaging.md what
# less would cost.
at_most "$shared" 5714000
at_most "$static" 13541000

sections=$(readelf -SW "$shared")
case $sections in *.debug_info* | *.symtab*) fail "$shared is not stripped" ;; esac
# What stands between the brackets, and what gdb looks for beside the library and in .debug.
link=$(readelf --string-dump=.gnu_debuglink "$shared" | sed -n 's/^ *\[ *0\] *//p')
[ "$link" = "$(basename "$debug")" ] || fail "$shared names '$link' as its debug file"
build_id() { readelf -n "$1" | sed -n 's/.*Build ID: //p'; }
id=$(build_id "$shared")
[ -n "$id" ] && [ "$id" = "$(build_id "$debug")" ] || fail "$debug is of another build"

# A function of the library is found there, with its file and line.
address=$(nm -D "$shared" | sed -n 's/^\([0-9a-f]*\) T vp_submit@.*/\1/p')
place=$(addr2line -f -e "$debug" "0x$address" | tr '\n' ' ')
case $place in "vp_submit "*src/ffi/submit.rs:*) ;; *) fail "vp_submit is at: $place" ;; esac
exit $failed
