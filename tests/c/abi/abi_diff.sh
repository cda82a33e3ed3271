#!/bin/sh
# abi_diff.sh CC HEADER WORK: programs that were compiled with any header of frozen/ run with the
# library that HEADER declares, says abidiff; and it sees what would break them.
set -eu
CC=$1 header=$2 work=$3
here=$(cd "$(dirname "$0")" && pwd)
. "$here/declared.sh"
if ! abidiff --version >/dev/null 2>&1; then
    echo "SKIPPED: there is no abidiff, so the ABI was NOT compared with its reference"
    exit 77
fi
rm -rf "$work"
mkdir -p "$work"

# compatible OLD NEW: libraries; what is said of them is in $work/said. The status 4 is a change, 8
# more a bad one.
compatible() {
    status=0
    abidiff --leaf-changes-only --no-added-syms --no-show-locs "$1" "$2" >"$work/said" 2>&1 ||
        status=$?
    case $status in 0 | 4) awk -f "$here/grown.awk" "$work/said" ;; *) return 1 ;; esac
}

declared_library "$header" "$work/current.so"
count=0
for frozen in "$here"/frozen/*.h; do
    declared_library "$frozen" "$work/frozen.so"
    if ! compatible "$work/frozen.so" "$work/current.so"; then
        echo "a program that was compiled with $frozen does not run with this library:"
        cat "$work/said"
        exit 1
    fi
    # Numbers with a name are compiled into programs, too.
    grep '^#define VP_[A-Z_]* [^ ]*$' "$frozen" | grep -v '^#define VP_VERSION_' |
        while read -r constant; do
            grep -qxF "$constant" "$header" || { echo "changed since $frozen: $constant"; exit 1; }
        done
    count=$((count + 1))
done
[ "$count" -ge 2 ] || { echo "only $count headers in $here/frozen"; exit 1; }

# changed SED-SCRIPT: makes $work/changed.so, declared by a header that is changed so.
changed() {
    sed "$1" "$header" >"$work/changed.h"
    if cmp -s "$header" "$work/changed.h"; then
        echo "the header has nothing for $1"
        exit 1
    fi
    declared_library "$work/changed.h" "$work/changed.so"
}
breaks() {
    changed "$1"
    if compatible "$work/current.so" "$work/changed.so"; then
        echo "abidiff does not see this break: $1"
        exit 1
    fi
}
allowed() {
    changed "$1"
    if ! compatible "$work/current.so" "$work/changed.so"; then
        echo "this is no break: $1"
        cat "$work/said"
        exit 1
    fi
}
breaks 's/\bvp_config_free\b/vp_config_delete/'
breaks 's/^  uint64_t user_data;/  uint64_t new_field; uint64_t user_data;/'
breaks 's/^  uint64_t refused;/  double refused;/'
breaks 's/^  VP_WIRE_SENT = 2,/  VP_WIRE_SENT = 77,/'
breaks 's/vp_config_free(struct vp_config \*config/&, int how/'
breaks 's/^} vp_str;/  size_t capacity; } vp_str;/'
breaks 's/^  uint64_t stale_answers;//'
allowed 's/^} vp_stats;/  uint64_t new_field; } vp_stats;/'
allowed 's/^  VP_WIRE_SENT = 2,/  VP_WIRE_SENT = 2, VP_WIRE_LOST = 77,/'
allowed 's/^VP_API void vp_config_free/VP_API void vp_config_reset(void);&/'
echo "compatible with $count frozen headers"
