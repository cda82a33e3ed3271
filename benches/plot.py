#!/usr/bin/env python3
"""Draws the figures of a run: plot.py FILE.json FOLDER

Writes latency.svg, throughput.svg, wire.svg, costs.svg and scale.svg. It knows what was measured,
and nothing of how.
"""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({
    "svg.hashsalt": "venuepool", "svg.fonttype": "none", "font.family": "sans-serif",
    "font.size": 9, "axes.spines.top": False,
    "axes.spines.right": False, "figure.facecolor": "white"})
import matplotlib.pyplot as plt  # noqa: E402 (the backend is chosen first)

from scenarios import CLIENTS, SCENARIOS  # noqa: E402

OURS, SEED, PEER, RAW = "#2463b4", "#e08a3c", "#b0b7c3", "#3c4043"


def colour(name):
    if name.startswith("venuepool"):
        return OURS
    if name.startswith("raw"):
        return RAW
    return SEED if name.startswith("nexus") else PEER


def names_in(result, scenario):
    clients = result["ratios"].get(scenario, {})
    return [c.name for c in CLIENTS if c.name in clients]


def bars(axis, names, spreads, title, unit, reference=None, cut=None):
    """One bar for each client, with the spread over the rounds."""
    places = range(len(names))
    medians = [s["median"] for s in spreads]
    low = [s["median"] - s["min"] for s in spreads]
    high = [s["max"] - s["median"] for s in spreads]
    axis.barh(places, medians, xerr=(low, high), color=[colour(n) for n in names],
              error_kw={"elinewidth": 0.8, "ecolor": "#5f6368"})
    axis.set_yticks(places, names)
    axis.invert_yaxis()
    axis.set_title(title, fontsize=9, loc="left")
    axis.set_xlabel(unit)
    if reference is not None:
        axis.axvline(reference, color=RAW, linewidth=0.8, linestyle=":")
    if cut is not None:
        axis.set_xlim(0, min(cut, 1.15 * max(s["max"] for s in spreads)))
    for place, median in zip(places, medians):
        # Inside the bar where it runs out of the picture.
        inside = cut is not None and median > 0.93 * axis.get_xlim()[1]
        at = axis.get_xlim()[1] if inside else median
        axis.annotate(f"{median:.2f}", (at, place), xytext=(-4 if inside else 4, 0),
                      textcoords="offset points", va="center", ha="right" if inside else "left",
                      fontsize=7, color="white" if inside else "black")


def grid(result, scenarios, key, unit, path, note):
    """A panel for each scenario."""
    scenarios = [s for s in scenarios if s in result["ratios"]]
    if not scenarios:
        return
    rows = (len(scenarios) + 1) // 2
    height = max(len(names_in(result, s)) for s in scenarios) * 0.22 + 0.9
    figure, axes = plt.subplots(rows, 2, figsize=(10, rows * height + 0.5), squeeze=False)
    for axis, name in zip(axes.flat, scenarios):
        names = [n for n in names_in(result, name) if key in result["ratios"][name][n]]
        spreads = [result["ratios"][name][n][key] for n in names]
        bars(axis, names, spreads, f"{name}: {SCENARIOS[name].title}", unit, 1.0, 3.2)
    for axis in list(axes.flat)[len(scenarios):]:
        axis.axis("off")
    save(result, figure, path, note)


def costs(result, path):
    """What one order costs, on scales that fit both ends."""
    counts = result["counts"].get("A")
    if not counts:
        return
    names = [c.name for c in CLIENTS if c.name in counts]
    figure, axes = plt.subplots(1, 3, figsize=(10, len(names) * 0.24 + 1.2))
    titles = {"allocations": "heap allocations", "system_calls": "system calls",
              "instructions": "user instructions"}
    for axis, (key, title) in zip(axes, titles.items()):
        known = [n for n in names if key in counts[n]]
        values = [counts[n][key] for n in known]
        axis.barh(range(len(known)), values, color=[colour(n) for n in known])
        axis.set_yticks(range(len(known)), known)
        axis.invert_yaxis()
        axis.set_title(title, fontsize=9, loc="left")
        axis.set_xlim(0, 1.25 * max(values))
        for place, value in enumerate(values):
            text = f"{value:,.0f}" if key == "instructions" else f"{value:.1f}"
            axis.annotate(text, (value, place), xytext=(4, 0), textcoords="offset points",
                          va="center", fontsize=7)
    save(result, figure, path, "Costs of one order in flight, plaintext (A), all threads")


def scale(result, path):
    tables = result.get("scale")
    if not tables:
        return
    figure, axes = plt.subplots(1, 3, figsize=(10, 3))
    titles = {"p50": "p50 of one order, by that with one connection",
              "kib_each": "KiB for each more connection", "idle_cpu": "CPU while idle, %"}
    for axis, (key, title) in zip(axes, titles.items()):
        for transport, rows in tables.items():
            for client in dict.fromkeys(row["client"] for row in rows):
                mine = [row for row in rows if row["client"] == client and row["p50"]
                        and row[key] is not None]
                value = {"p50": lambda row: row["p50"]["median"],
                         "kib_each": lambda row: row["kib_each"],
                         "idle_cpu": lambda row: 100 * row["idle_cpu"]}[key]
                axis.plot([row["connections"] for row in mine], [value(row) for row in mine],
                          label=f"{client}, {transport}", marker=".", linewidth=1,
                          linestyle="-" if transport == "plaintext" else "--")
        axis.set_xscale("log", base=4)
        axis.set_ylim(bottom=0)
        axis.set_xlabel("connections")
        axis.set_title(title, fontsize=9, loc="left")
    axes[0].set_ylim(0, 1.3)
    axes[1].set_ylim(0, 100)
    axes[0].legend(fontsize=6)
    save(result, figure, path, "I: idle connections beside the one at work")


def save(result, figure, path, note):
    machine = result["machine"]
    figure.suptitle(
        f"{note}\n{result['date']}, {machine['cpus']} virtual CPUs ({machine['cpu']}), "
        f"Linux {machine['kernel'].split('-')[0]}, {result['rounds']} rounds", fontsize=8)
    # Room for the two lines above, whatever the height.
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.45 / figure.get_figheight()))
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main():
    result = json.load(open(sys.argv[1]))
    folder = pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    grid(result, ["A", "B", "D", "DT", "F", "E", "ET", "K"], "p50_ratio", "p50 / raw",
         folder / "latency.svg", "Latency, p50 as ratio to raw in the same run: less is better")
    grid(result, ["C", "CT", "L"], "rate_ratio", "per second / raw",
         folder / "throughput.svg",
         "Requests, and messages (L), as ratio to raw in the same run: more is better")
    grid(result, ["G", "GT"], "wire_ratio", "p50 / raw", folder / "wire.svg",
         "From submit to the last byte in the kernel, p50 as ratio to raw: less is better")
    costs(result, folder / "costs.svg")
    scale(result, folder / "scale.svg")


if __name__ == "__main__":
    main()
