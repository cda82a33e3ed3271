#!/bin/sh
# The first half of `make test`: runs the Rust tests, and meanwhile compiles the C and C++ programs.
#
# The tests wait much more than they compute, so the compiler has the time that they leave: it runs
# at the lowest priority. What it says is shown when it fails.
#   test-and-build.sh CARGO JOBS
set -eu
cargo=$1 jobs=$2
log=build/build.log

"$cargo" test --locked --workspace --quiet --no-run
{
    nice -n 19 cmake --build build --parallel "$jobs" &&
        nice -n 19 cmake --build build/asan --parallel "$jobs"
} >"$log" 2>&1 &
build=$!

tests=0
"$cargo" test --locked --workspace --quiet || tests=$?
wait "$build" || { cat "$log" >&2; echo "test-and-build.sh: the build failed" >&2; exit 1; }
exit "$tests"
