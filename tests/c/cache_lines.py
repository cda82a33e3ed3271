#!/usr/bin/env python3
"""Counts the distinct cache lines, of 64 bytes, that one order touches.

    cache_lines.py NAME PROGRAM WAY
    cache_lines.py beside:OTHER PROGRAM WAY

Runs PROGRAM (cache_lines.c) under valgrind's callgrind, whose simulated caches are empty before
each order and larger than all that an order touches. So each miss is a line that is touched for the
first time: data that is read first, data that is written first, and code. All threads and all
libraries count; what the program itself touches, which stands for an engine, is left out. What the
kernel touches in the memory of the process is not seen.

The figure of each kind is the largest of all orders: one that is answered before its engine has
gone to sleep touches fewer. Fails when one is further than `tolerance` away from the figure of NAME
in cache_lines.txt: more is a loss, and less is a gain to be written down. UPDATE_COUNTS=1 writes
it. LINES_REPORT=1 lists, for one order, where the lines are touched first.

The second form compares WAY with the way OTHER. Fails when it reads or writes more than BESIDE
lines more.
"""

import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ORDERS = 5
BESIDE = 4
KINDS = ("read", "written", "code")
MISSES = ("D1mr", "D1mw", "I1mr")
REPORT = os.environ.get("LINES_REPORT") == "1"
FIGURES = pathlib.Path(__file__).with_name("cache_lines.txt")

CACHE = "1048576,16,64"
CALLGRIND = [
    "valgrind", "--tool=callgrind", "--instr-atstart=no", "--cache-sim=yes",
    f"--I1={CACHE}", f"--D1={CACHE}", "--LL=4194304,16,64",
    "--compress-strings=no", "--compress-pos=no",
]


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(77)


def dumps_of(program, way):
    """The misses of each order: a counter by object, function, file and line."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        lines = f"--dump-line={'yes' if REPORT else 'no'}"
        command = [*CALLGRIND, lines, f"--callgrind-out-file={out}", program, way, str(ORDERS)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode == 77:
            skip(run.stdout.strip().removeprefix("SKIPPED: "))
        if run.returncode != 0:
            sys.exit(run.stdout + run.stderr)
        parts = [pathlib.Path(f"{out}.{number}") for number in range(1, ORDERS + 1)]
        return [misses_in(part.read_text()) for part in parts]


def misses_in(dump):
    """Reads callgrind's format, as its manual describes it."""
    events, at, is_call = [], {}, False
    found = collections.Counter()
    for line in dump.splitlines():
        key, _, value = line.partition("=")
        if line.startswith("events: "):
            events = line.split()[1:]
        elif key in ("ob", "fn"):
            at[key] = value
        elif key in ("fl", "fi", "fe"):
            at["fl"] = value
        elif key == "calls":
            is_call = True
        elif re.match(r"\d", line):
            number, *costs = line.split()
            # The line behind a call is the cost of what it called, which stands there, too.
            if not is_call:
                by_event = dict(zip(events, map(int, costs)))
                for kind, event in zip(KINDS, MISSES):
                    place = (at["ob"], at["fn"], at["fl"], int(number))
                    found[(kind, *place)] += by_event.get(event, 0)
            is_call = False
    return found


def is_counted(place, program):
    return pathlib.Path(place[1]).name != pathlib.Path(program).name


def count(misses, program):
    """How many lines of each kind one order touches."""
    of = collections.Counter()
    for place, lines in misses.items():
        if is_counted(place, program):
            of[place[0]] += lines
    return [of[kind] for kind in KINDS]


def report(misses, program):
    """Where they are touched first: by object, by function, and by line of source."""
    for title, key in (
        ("object", lambda p: pathlib.Path(p[1]).name),
        ("function", lambda p: p[2]),
        ("source", lambda p: f"{pathlib.Path(p[3]).name}:{p[4]} {p[2]}"),
    ):
        table = collections.defaultdict(lambda: [0, 0, 0])
        for place, lines in misses.items():
            if is_counted(place, program):
                table[key(place)][KINDS.index(place[0])] += lines
        print(f"\n{' '.join(f'{kind:>7}' for kind in KINDS)}  {title}")
        for name, lines in sorted(table.items(), key=lambda row: (-sum(row[1]), row[0])):
            if any(lines):
                print(f"{' '.join(f'{each or str():>7}' for each in lines)}  {name}")


def tolerance(figure):
    """Where TLS puts its memory is not the same each time, and compilers and memcpy's differ."""
    return max(8, figure // 10)


def written_down(name):
    for line in FIGURES.read_text().splitlines() if FIGURES.exists() else ():
        if line.split()[0] == name:
            return [int(figure) for figure in line.split()[1:]]
    return [0] * len(KINDS)


def write_down(name, figures):
    others = FIGURES.read_text().splitlines() if FIGURES.exists() else []
    lines = [line for line in others if line.split()[0] != name]
    lines.append(" ".join([name, *map(str, figures)]))
    FIGURES.write_text("\n".join(sorted(lines)) + "\n")


def figures_of(program, way):
    """The largest of all orders, and where the last one touched them."""
    orders = dumps_of(program, way)
    counts = [count(misses, program) for misses in orders]
    return [max(of) for of in zip(*counts)], orders[-1]


def compare(program, way, other):
    figures, others = figures_of(program, way)[0], figures_of(program, other)[0]
    print(f"cache lines: {way} {dict(zip(KINDS, figures))}, {other} {dict(zip(KINDS, others))}")
    for kind, figure, of_other in list(zip(KINDS, figures, others))[:2]:
        if figure > of_other + BESIDE:
            sys.exit(f"{kind}: {figure - of_other} lines more than {other}")


def main():
    name, program, way = sys.argv[1:]
    if shutil.which("valgrind") is None:
        skip("there is no valgrind")
    if name.startswith("beside:"):
        compare(program, way, name.removeprefix("beside:"))
        return
    figures, last = figures_of(program, way)
    if REPORT:
        report(last, program)
    if os.environ.get("UPDATE_COUNTS") == "1":
        write_down(name, figures)
    known = written_down(name)
    print(f"{name}: cache lines {dict(zip(KINDS, figures))}; written down: {known}")
    for kind, figure, before in zip(KINDS, figures, known):
        if figure > before + tolerance(before):
            sys.exit(f"{kind}: {figure - before} lines more")
        if figure < before - tolerance(before):
            sys.exit(f"{kind}: {before - figure} lines less; write it down with UPDATE_COUNTS=1")


main()
