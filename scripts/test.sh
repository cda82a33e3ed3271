#!/bin/sh
# All of `make test`: the steps of the Makefile, side by side where one of them waits.
#
# Fetching tools waits for the network, and tests wait much more than they compute. What compiles
# has the time that they leave: beside tests it runs at the lowest priority. What it says is shown
# when it fails; what the lints say, when they end.
#   test.sh MAKE CARGO JOBS
set -eu
make=$1 cargo=$2 jobs=$3

"$make" cmake test-tools &
tools=$!
built=0
"$cargo" test --locked --workspace --quiet --no-run || built=$?
wait "$tools" || exit 1
[ "$built" -eq 0 ] || exit "$built"
"$make" configured

{
    nice -n 19 cmake --build build --parallel "$jobs" &&
        nice -n 19 cmake --build build/asan --parallel "$jobs"
} >build/build.log 2>&1 &
build=$!
tests=0
"$make" TOOLS= test-rust || tests=$?
wait "$build" || { cat build/build.log >&2; echo "test.sh: the build failed" >&2; exit 1; }
[ "$tests" -eq 0 ] || exit "$tests"

nice -n 19 "$make" lint >build/lint.log 2>&1 &
lint=$!
"$make" TOOLS= test-c test-sanitize || tests=$?
lints=0
wait "$lint" || lints=$?
cat build/lint.log
[ "$tests" -eq 0 ] || exit "$tests"
exit "$lints"
