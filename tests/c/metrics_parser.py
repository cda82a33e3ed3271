#!/usr/bin/env python3
"""The parser of Prometheus' own client for Python reads the metrics that the library writes, and
the Grafana dashboard asks for no metric that is not among them.

    metrics_parser.py PROGRAM

PROGRAM (metrics.cpp) prints the texts of a fresh pool, of a busy one, and of both.
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "build" / "tools" / "python"))

try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
except ImportError:
    print("SKIPPED: there is no prometheus_client of Python")
    sys.exit(77)

ORDERS = 100
DASHBOARD = ROOT / "docs" / "grafana-dashboard.json"


def texts(printed):
    """The texts of the output, by their headings."""
    parts = re.split(r"^== (\w+)\n", printed, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2]))


def samples(text):
    """The values by name and labels. The parser refuses what breaks the format."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation and family.type != "unknown", family.name
        assert family.unit == ("seconds" if family.name.endswith("_seconds") else ""), family.name
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return found


def value(found, name, pool, **labels):
    """The one sample of that name with these labels."""
    wanted = {"pool": pool, **labels}.items()
    values = [count for (other, have), count in found.items()
              if other == f"venuepool_{name}" and wanted <= have]
    assert len(values) == 1, (name, labels, values)
    return values[0]


def check_busy(found, pool):
    expected = [
        ("requests_total", {"lane": "orders"}, ORDERS),
        ("requests_total", {"lane": "background"}, 1),
        ("requests_refused_total", {"reason": "no_slot"}, 1),
        ("requests_refused_total", {"reason": "suspended"}, 1),
        ("completions_total", {"outcome": "ok"}, ORDERS + 1),
        ("completion_wire_states_total", {"wire_state": "answered"}, ORDERS + 1),
        ("pauses_total", {}, 1),
        ("dials_total", {}, 2),
        ("slots", {"state": "idle"}, 2),
        ("request_seconds_count", {}, ORDERS + 1),
        ("request_seconds_bucket", {"le": "+Inf"}, ORDERS + 1),
        ("handshake_seconds_count", {}, 2),
    ]
    for name, labels, count in expected:
        assert value(found, name, pool, **labels) == count, (name, labels, count)
    total = value(found, "request_seconds_sum", pool)
    assert 0 < total < 60 * ORDERS, total


def check_fresh(found, pool):
    for (name, labels), count in found.items():
        if name.startswith("venuepool_requests") and ("pool", pool) in labels:
            assert count == 0, (name, labels, count)
    assert value(found, "request_seconds_sum", pool) == 0
    assert value(found, "slots", pool, state="idle") == 2


def queries(value):
    """All expressions of a dashboard."""
    if isinstance(value, dict):
        named = [value[key] for key in ("expr", "query") if isinstance(value.get(key), str)]
        return named + [query for part in value.values() for query in queries(part)]
    if isinstance(value, list):
        return [query for part in value for query in queries(part)]
    return []


def check_dashboard(found):
    names = {name for name, _ in found}
    asked = {name for query in queries(json.loads(DASHBOARD.read_text()))
             for name in re.findall(r"venuepool_\w+", query)}
    assert len(asked) > 10, asked
    assert asked <= names, f"the dashboard asks for {sorted(asked - names)}"


def main():
    run = subprocess.run(sys.argv[1:], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(run.stdout + run.stderr)
    read = {heading: samples(text) for heading, text in texts(run.stdout).items()}
    assert sorted(read) == ["both", "busy", "fresh"], sorted(read)
    check_fresh(read["fresh"], "fresh")
    check_busy(read["busy"], "busy")
    check_fresh(read["both"], "fresh")
    check_busy(read["both"], "busy")
    check_dashboard(read["both"])
    print("read:", ", ".join(f"{heading} {len(found)}" for heading, found in read.items()))


main()
