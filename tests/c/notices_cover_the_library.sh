#!/bin/sh
# notices_cover_the_library.sh DEBUG NOTICES: each package whose code is in the library, by its debug
# information, is named in the notices with its version.
set -eu
debug=$1 notices=$2

# The sources of a package are in a folder NAME-VERSION of cargo's registry, or of `cargo vendor`.
found=$(strings -a "$debug" | sed -n -E \
    's#.*/(registry/src/[^/]+|vendor)/([A-Za-z0-9_-]+)-([0-9]+\.[^/]+)(/.*)?$#\2 \3#p' | sort -u)
count=$(echo "$found" | wc -l)
[ "$count" -ge 15 ] || {
    echo "only $count packages were found in $debug: $found"
    exit 1
}

failed=0
while read -r package; do
    grep -qxF "$package" "$notices" || {
        echo "$package is in the library, and not in $notices"
        failed=1
    }
done <<EOF
$found
EOF
echo "$count packages"
exit $failed
