#!/usr/bin/env python3
"""HdrHistogram's own reader for Python reads what the library writes.

    histogram_readers.py PROGRAM print

PROGRAM (histograms.cpp) prints, for each kind, its number of durations and percentiles, the line of
a log, and the table of percentiles. All must be what the reader finds in the log.
"""

import io
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "build" / "tools" / "python"))

try:
    from hdrh.histogram import HdrHistogram
    from hdrh.log import HistogramLogReader
except ImportError:
    print("SKIPPED: there is no hdrhistogram of Python")
    sys.exit(77)

KINDS = [
    "queue_wait", "write", "first_byte", "total", "connect", "handshake", "heartbeat", "heal",
]


def sections(printed):
    """The parts of the output, by their headings."""
    parts = {}
    for line in printed.splitlines(keepends=True):
        if line.startswith("== "):
            lines = parts.setdefault(line[3:].strip(), [])
        else:
            lines.append(line)
    return {name: "".join(lines) for name, lines in parts.items()}


def read_log(log, work):
    """The histograms of a log, by their tags."""
    path = pathlib.Path(work) / "histograms.hlog"
    path.write_text(log)
    reader = HistogramLogReader(str(path), HdrHistogram(64, 60_000_000_000, 2))
    found = {}
    while (histogram := reader.get_next_interval_histogram()) is not None:
        found[histogram.get_tag()] = histogram
    reader.close()
    return found


def numbers(table):
    """The rows of a table of percentiles."""
    rows = [line.split() for line in table.splitlines()]
    return [[float(cell) for cell in row] for row in rows if row and row[0][0].isdigit()]


def check(kind, histogram, told, table):
    count, *percentiles = [int(word) for word in told.split()]
    assert histogram.get_total_count() == count, (kind, histogram.get_total_count(), count)
    for percentile, ns in zip((50, 99, 100), percentiles):
        found = histogram.get_value_at_percentile(percentile)
        assert found == ns, (kind, percentile, found, ns)
    theirs = io.BytesIO()
    histogram.output_percentile_distribution(theirs, 1000.0)
    ours, theirs = numbers(table), numbers(theirs.getvalue().decode())
    if count > 0:
        # The levels between are chosen differently, and theirs has two digits less.
        assert ours[-1][1:] == theirs[-1][1:] == [1.0, count], (kind, ours[-1], theirs[-1])
        assert abs(ours[-1][0] - theirs[-1][0]) <= 0.01, (kind, ours[-1], theirs[-1])
    steps = [(step.value_iterated_to / 1000, step.count_added_in_this_iter_step)
             for step in histogram.get_recorded_iterator()]
    for value, _, total, *_ in ours:
        found = sum(counted for end, counted in steps if end <= value + 0.0005)
        assert found == total, (kind, value, found, total)


def main():
    run = subprocess.run(sys.argv[1:], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(run.stdout + run.stderr)
    parts = sections(run.stdout)
    with tempfile.TemporaryDirectory() as work:
        histograms = read_log(parts["log"], work)
    assert sorted(histograms) == sorted(KINDS), sorted(histograms)
    for kind in KINDS:
        check(kind, histograms[kind], parts[f"told {kind}"], parts[f"table {kind}"])
    print("read:", ", ".join(f"{kind} {histograms[kind].get_total_count()}" for kind in KINDS))


main()
