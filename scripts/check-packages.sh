#!/bin/sh
# Makes what is released, and checks that it can be used: `make check-packages`. With the names of
# some checks in packaging/checks, such as `scripts/check-packages.sh archive debian`, these only.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- dependencies glibc_floor sbom archive debian rpm conan vcpkg vendored \
    reproducible
scripts/ensure-package-tools.sh
scripts/ensure-test-tools.sh
PATH="$PWD/build/tools/bin:$PATH"
export PATH
scripts/dist.sh

failed=
for check; do
    echo "=== $check"
    started=$(date +%s)
    if sh "packaging/checks/$check.sh"; then
        echo "=== $check: good, $(($(date +%s) - started)) s"
    else
        echo "=== $check: FAILED"
        failed="$failed $check"
    fi
done
[ -z "$failed" ] || {
    echo "check-packages: these failed:$failed" >&2
    exit 1
}
echo "check-packages: all good: $*"
