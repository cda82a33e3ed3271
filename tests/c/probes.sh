#!/bin/sh
# probes.sh SHARED STATIC OBJDUMP PAGE: the libraries have the probes that the page documents, each
# with so many arguments, and no others. In the shared one each place is a nop.
set -eu
shared=$1 static=$2 objdump=$3 page=$4
failed=0
fail() {
    echo "$*"
    failed=1
}

# A row of the page's table: | `name` | `argument`, `argument` | ...
documented=$(awk -F'|' '/^\| `[a-z_]*` \| `pool`, / {
    gsub(/[ `]/, "", $2); print "venuepool", $2, gsub(/`[a-z_]*`/, "", $3)
}' "$page" | LC_ALL=C sort)
[ "$(echo "$documented" | wc -l)" -eq 6 ] || fail "the table of $page was not found: $documented"

# Provider, name, place and number of arguments of each note. One probe may be in several places.
notes() {
    readelf -nW "$1" | awk '
        /Provider:/ { provider = $NF }
        /^ *Name:/ { name = $2 }
        /^ *Location:/ { sub(",", "", $2); place = $2; semaphore = $NF }
        /^ *Arguments:/ { print provider, name, NF - 1, place, semaphore }'
}
for library in "$shared" "$static"; do
    found=$(notes "$library" | cut -d' ' -f1-3 | LC_ALL=C sort -u)
    [ "$found" = "$documented" ] ||
        fail "$library has other probes than $page: $found; documented: $documented"
done

# Nothing but the nop is run, and nothing is counted, while nothing is traced.
notes "$shared" | while read -r _ name _ place semaphore; do
    instruction=$("$objdump" -d --no-show-raw-insn --start-address="$place" \
        --stop-address="$((place + 4))" "$shared" | awk '$1 ~ /^[0-9a-f]+:$/ { print $2; exit }')
    [ "$instruction" = nop ] || { echo "$name at $place is '$instruction', no nop"; exit 1; }
    [ "$((semaphore))" -eq 0 ] || { echo "$name has a semaphore at $semaphore"; exit 1; }
done || failed=1

# The commands of the page name no other probe.
for name in $(grep -o 'venuepool:[a-z_]*' "$page" | cut -d: -f2 | sort -u); do
    echo "$documented" | grep -q " $name " || fail "$page traces $name, which is no probe"
done
exit $failed
