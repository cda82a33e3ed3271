#!/usr/bin/env python3
"""Prints the figures of a run as tables in Markdown: report.py FILE.json"""

import json
import sys

from scenarios import CLIENTS, SCENARIOS

NAMES = [client.name for client in CLIENTS]


def cell(spread, digits=2):
    if not spread:
        return "–"
    text = f"{spread['median']:.{digits}f}"
    if spread["samples"] > 1:
        text += f" ({spread['min']:.{digits}f}–{spread['max']:.{digits}f})"
    return text


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def ratios(result):
    """p50 by raw's, or requests per second by raw's where that is the question."""
    columns = [s for s in SCENARIOS.values() if s.name in result["ratios"] and not s.wire]
    def ratio(scenario, name):
        figures = result["ratios"][scenario.name].get(name)
        return cell(figures and figures["rate_ratio" if scenario.throughput else "p50_ratio"])
    head = ["client", *(s.name + (" req/s" if s.throughput else "") for s in columns)]
    print("Ratio to raw: p50 of the latency, and requests per second in C, CT and L\n")
    table(head, [[name, *(ratio(s, name) for s in columns)] for name in NAMES
                 if any(name in result["ratios"][s.name] for s in columns)])


def details(result):
    for name, clients in result["ratios"].items():
        scenario = SCENARIOS[name]
        print(f"{name}: {scenario.title}\n")
        if scenario.wire:
            keys = ["wire_us", "wire_over_raw_us", "wire_ratio"]
        else:
            keys = ["p50_us", "p99_us", "p50_ratio", "p99_ratio", "rate", "cpu_us"]
        table(["client", *keys],
              [[client, *(cell(clients[client][key], 0 if key == "rate" else 2) for key in keys)]
               for client in NAMES if client in clients])


def counts(result):
    for name, clients in result["counts"].items():
        print(f"Costs of one request in {name}: {SCENARIOS[name].title}\n")
        keys = ["allocations", "system_calls", "instructions"]
        def figure(client, key):
            value = clients[client].get(key)
            return "–" if value is None else f"{value:.0f}" if key == keys[2] else f"{value:.2f}"
        table(["client", *keys],
              [[client, *(figure(client, key) for key in keys)] for client in NAMES
               if client in clients])


def shapes(result):
    if "engines" in result:
        print("H: requests per second of four engine threads by those of one\n")
        table(["client", "ratio"], [[name, cell(gain)] for name, gain in result["engines"].items()])
    for transport, rows in result.get("scale", {}).items():
        print(f"I, {transport}: p50 of one order beside idle connections, by that with one\n")
        table(["client", "connections", "p50 ratio", "KiB for each more", "idle CPU"],
              [[row["client"], str(row["connections"]), cell(row["p50"]),
                "–" if row["kib_each"] is None else f"{row['kib_each']:.0f}",
                f"{row['idle_cpu']:.2%}"] for row in rows])


def heals(result):
    for name, rows in result.get("heals", {}).items():
        print(f"{name}: {SCENARIOS[name].title}\n")
        keys = ["p50_us", "p99_us", "p999_us", "failed"]
        table(["client", "heals/s", *keys],
              [[row["client"], str(row["heals"]), *(cell(row[key], 1) for key in keys)]
               for row in rows])


def main():
    result = json.load(open(sys.argv[1]))
    machine = result["machine"]
    comforts = ", ".join(machine["comforts"]) or "no comforts"
    print(f"{result['date']}, {machine['cpus']} CPUs ({machine['cpu']}), "
          f"Linux {machine['kernel']}, {result['rounds']} rounds, {comforts}\n")
    ratios(result)
    details(result)
    counts(result)
    shapes(result)
    heals(result)


if __name__ == "__main__":
    main()
