#!/bin/sh
# every_function_is_tested_with_null.sh HEADER TEST: TEST, a file or a folder of files, calls each
# function of HEADER.
set -eu
failed=0
for name in $(grep -v '^ *\(/\*\|\*\|#\|//\)' "$1" | grep -o '\bvp_[a-z0-9_]*(' | sort -u); do
    grep -rq "\\b$name" "$2" || {
        echo "$name) is not called in $2"
        failed=1
    }
done
exit $failed
