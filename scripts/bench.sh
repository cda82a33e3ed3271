#!/bin/sh
# Builds the comparison with peers in build/bench and runs it: bench.sh [--quick ...]
# What it found goes to build/bench/result.json, report.md and plots; options go to benches/run.py.
set -eu
cd "$(dirname "$0")/.."
out="$PWD/build/bench"
mkdir -p "$PWD/build"

scripts/ensure-bench-tools.sh
cmake -S . -B "$out" -DCMAKE_BUILD_TYPE=Release -DVENUEPOOL_BUILD_BENCHES=ON \
    -DVENUEPOOL_BUILD_TESTS=OFF -DVENUEPOOL_BUILD_EXAMPLES=OFF \
    -DVENUEPOOL_CARGO_TARGET_DIR="$PWD/build/cargo" >"$out.log" 2>&1 || { cat "$out.log"; exit 1; }
grep "^-- benches:" "$out.log" || true
cmake --build "$out" --target benches
bin="$out/benches/bin"

python3 benches/run.py --bin "$bin" --out "$out/result.json" "$@"
python3 benches/report.py "$out/result.json" >"$out/report.md"
case " $* " in *" --quick "*) orders=200 ;; *) orders=2000 ;; esac
python3 benches/idle_close.py --bin "$bin" --orders $orders --json "$out/idle_close.json" | tee -a "$out/report.md"

# Matplotlib in a folder of our own; without it there are the figures, and no pictures.
plots="$PWD/build/tools/plots"
if ! [ -x "$plots/bin/python" ] || ! "$plots/bin/python" -c "import matplotlib" 2>/dev/null; then
    python3 -m venv --clear "$plots" && "$plots/bin/pip" install --quiet matplotlib ||
        { echo "SKIPPED: the plots, because matplotlib is not to be had" >&2; plots=; }
fi
[ -z "$plots" ] || "$plots/bin/python" benches/plot.py "$out/result.json" "$out/plots"
echo "bench: see $out/report.md and $out/plots"
