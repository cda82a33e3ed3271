#!/usr/bin/env python3
"""Writes the figures of a run into the pages that tell them: docs.py FILE.json ROOT

The tables stand between "<!-- bench: NAME -->" and "<!-- bench end -->" in README.md and in
docs/performance.md, so every figure of a page comes from one run. A table that the run has nothing
for is an error. This file knows which table a page wants; what stands in a cell is the run's.
"""

import datetime
import json
import pathlib
import re
import sys

from report import cell
from scenarios import CLIENTS, SCENARIOS

MODES = ["venuepool poll", "venuepool wait", "venuepool callback", "venuepool sleep"]
PEERS = [c.name for c in CLIENTS if c.name not in MODES and c.name not in ("raw", "raw spin")
         and not c.websocket and c.name != "venuepool busy"]
LATENCY = ["A", "B", "C", "CT", "D", "DT", "E", "ET", "F"]

# What the project wants: poll by raw that spins (C and CT by raw), all else by raw.
TARGETS = {
    "A": [1.06, 1.09, 1.12, 1.40], "B": [0.97, 0.95, 0.98, None],
    "C": [0.95, 0.95, 0.90, 0.70], "CT": [1.00, 0.98, 0.97, None],
    "D": [1.06, 1.07, 1.10, None], "E": [1.10, 1.08, 1.15, 1.40],
}


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


class Run:
    """The figures of one run, by scenario and client."""

    def __init__(self, result):
        self.result = result

    def ratio(self, scenario, client):
        figures = self.result["ratios"][scenario].get(client)
        key = "rate_ratio" if SCENARIOS[scenario].throughput else "p50_ratio"
        return figures and figures[key]["median"]

    def told(self, scenario, client):
        ratio = self.ratio(scenario, client)
        return "–" if ratio is None else f"{ratio:.2f}"

    def clients(self, scenario):
        return [c.name for c in CLIENTS if c.name in self.result["ratios"][scenario]]

    # ------------------------------------------------------------------------------- tables

    def machine(self):
        machine = self.result["machine"]
        date = datetime.date.fromisoformat(self.result["date"])
        return [f"Measured on {date.isoformat()}: a virtual machine with {machine['cpus']} CPUs "
                f"({machine['cpu']}), Linux {machine['kernel'].split('-')[0]}, "
                f"{self.result['rounds']} rounds."]

    def summary(self):
        return table(["scenario", "poll, to raw that spins", "wait", "callback", "sleep",
                      "best peer"], [self.summary_row(name) for name in LATENCY])

    def summary_row(self, name):
        scenario, targets = SCENARIOS[name], TARGETS.get(name, [None] * 4)
        row = [f"{name} {scenario.title}" + (", requests/s" if scenario.throughput else "")]
        for mode, target in zip(MODES, targets):
            ratio = self.ratio(name, mode)
            if ratio and mode == MODES[0] and not scenario.throughput:
                ratio /= self.ratio(name, "raw spin")
            row.append(self.judged(ratio, target, scenario.throughput))
        peers = {p: self.ratio(name, p) for p in PEERS if self.ratio(name, p)}
        best = (max if scenario.throughput else min)(peers, key=peers.get)
        return [*row, f"{peers[best]:.2f} ({best})"]

    @staticmethod
    def judged(ratio, target, more_is_better):
        """Bold where the target is met; with the target where it is missed."""
        if ratio is None:
            return "–"
        text = f"{ratio:.2f}"
        if target is None:
            return text
        rounded = float(text)
        is_met = rounded >= target if more_is_better else rounded <= target
        return f"**{text}**" if is_met else f"{text} (wanted {target:.2f})"

    def latency(self):
        heads = [n + (" req/s" if SCENARIOS[n].throughput else "") for n in LATENCY]
        names = [c.name for c in CLIENTS if not c.websocket and c.name in self.clients("A")]
        return table(["client", *heads],
                     [[name, *(self.told(s, name) for s in LATENCY)] for name in names])

    def tail(self):
        names = [*MODES, "nexus"]
        def told(scenario, client):
            figures = self.result["ratios"][scenario].get(client)
            return f"{figures['p99_ratio']['median']:.2f}" if figures else "–"
        heads = [n for n in LATENCY if not SCENARIOS[n].throughput]
        return table(["client", *heads], [[n, *(told(s, n) for s in heads)] for n in names])

    def wire(self, name="G"):
        rows = self.result["ratios"][name]
        keys = ["wire_us", "wire_over_raw_us", "wire_ratio"]
        return table(["client", "us", "more than raw, us", "ratio to raw"],
                     [[c, *(cell(rows[c][key]) for key in keys)] for c in self.clients(name)])

    def wire_tls(self):
        return self.wire("GT")

    def rare(self):
        names, heads, rows = ["M", "N", "NT"], ["client"], []
        for name in names:
            heads += [f"{name} p50, us", "by raw"]
        for client in ("raw", "raw spin", *MODES[:3], "nexus"):
            row = [client]
            for name in names:
                figures = self.result["ratios"][name].get(client)
                row += [f"{figures['p50_us']['median']:.0f}" if figures else "–",
                        self.told(name, client)]
            rows.append(row)
        return table(heads, rows)

    def websocket(self):
        def row(client):
            echo, stream = (self.result["ratios"][s].get(client) for s in ("K", "L"))
            return [client, f"{echo['p50_us']['median']:.1f}" if echo else "–",
                    self.told("K", client),
                    f"{stream['rate']['median'] / 1e6:.1f}" if stream else "–",
                    self.told("L", client)]
        return table(["client", "K p50, us", "by raw", "L, million messages/s", "by raw"],
                     [row(c.name) for c in CLIENTS if c.websocket])

    def stack(self):
        names = ("raw", "venuepool poll", "venuepool wait", "nexus", "hyper")
        return table(["client", "p50, by raw under the same library"],
                     [[name, self.told("O", name)] for name in names])

    def heals(self):
        rows = []
        for name in ("J", "JT"):
            for row in self.result["heals"][name]:
                keys = ["p50_us", "p99_us", "p999_us"]
                rows.append([name, row["client"], str(row["heals"]),
                             *(f"{row[key]['median']:.0f}" for key in keys),
                             f"{row['failed']['median']:.0f}"])
        return table(["", "client", "heals/s", "p50, us", "p99", "p99.9", "orders failed"], rows)

    def costs(self):
        def count(client, scenario, key, form):
            value = self.result["counts"][scenario].get(client, {}).get(key)
            return "–" if value is None else form.format(value)
        def row(client):
            allocations = ", ".join(count(client, s, "allocations", "{:.0f}") for s in "AB")
            calls = ", ".join(count(client, s, "system_calls", "{:.1f}") for s in "ACD")
            return [client, allocations, calls,
                    *(count(client, s, "instructions", "{:,.0f}") for s in "ABD")]
        return table(["client", "allocations A, B", "system calls A, C, D", "instructions A",
                      "instructions B", "instructions D"],
                     [row(c.name) for c in CLIENTS if c.name in self.result["counts"]["A"]])

    def scale(self):
        rows = []
        for transport, measured in self.result["scale"].items():
            rows += [[f"{row['client']}, {transport}", str(row["connections"]), cell(row["p50"]),
                      f"{row['kib_each']:.0f}", f"{row['idle_cpu']:.3%}"] for row in measured
                     if row["client"] != "raw" and row["connections"] in (16, 256)]
        return table(["client", "connections", "p50 of one order, by that with one",
                      "KiB for each more", "CPU while idle"], rows)

    def engines(self):
        return table(["client", "ratio"],
                     [[name, cell(gain)] for name, gain in self.result["engines"].items()])

    def readme(self):
        names = ["venuepool poll", "venuepool wait", "venuepool callback", "nexus", "beast sync",
                 "hyper", "curl multi"]
        wide = ["beast async" if n == "beast sync" else n for n in names]
        def costs(scenario, key, form):
            counts = self.result["counts"][scenario]
            return [form.format(counts[n][key]) if key in counts.get(n, {}) else "–"
                    for n in names]
        titles = [("A", "one order", names), ("B", "one order, TLS 1.3", names),
                  ("D", "16 KiB answer", names), ("E", "burst of 64 over 8 connections", wide)]
        rows = [[title, *(self.told(s, n) for n in clients)] for s, title, clients in titles]
        rows.append(["user instructions of one order", *costs("A", "instructions", "{:,.0f}")])
        rows.append(["heap allocations of one order", *costs("A", "allocations", "{:.0f}")])
        rows.append(["with TLS", *costs("B", "allocations", "{:.0f}")])
        return table(["", "engine polls", "engine waits", "callback", "nexus-async-net",
                      "Boost.Beast", "hyper", "libcurl"], rows)


def main():
    run = Run(json.load(open(sys.argv[1])))
    for page in ("README.md", "docs/performance.md"):
        path = pathlib.Path(sys.argv[2]) / page
        def filled(match):
            return f"{match[1]}\n" + "\n".join(getattr(run, match[2])()) + f"\n{match[3]}"
        text, number = re.subn(r"(<!-- bench: (\w+) -->)\n.*?\n(<!-- bench end -->)", filled,
                               path.read_text(), flags=re.DOTALL)
        if not number:
            sys.exit(f"docs.py: {page} has no table of the bench")
        path.write_text(text)


if __name__ == "__main__":
    main()
