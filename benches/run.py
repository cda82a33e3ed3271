#!/usr/bin/env python3
"""Runs the comparison: every client, interleaved, against one venue, and writes what came out.

    run.py --bin DIR --out FILE.json [--quick] [--scenarios A,B] [--clients raw,curl] [--rounds N]
           [--parts latency,engines,scale,heals,counts] [--keep]

Each client runs between two runs of "raw"; its figures are ratios to the mean of these two, and a
sample whose two neighbours differ by more than 8 % is left out, and tried again. The venue is on
one CPU, the client on another. This file knows how to run programs and to count; what the figures
look like is the business of report.py, plot.py and docs.py.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import scenarios
from scenarios import CLIENTS, SCENARIOS

NOISE = 0.08
# So many runs has a client in each round to stand between two that are alike.
TRIES = 3
VENUE_CPU, CLIENT_CPU, POOL_CPU = 0, 1, 2
TIMEOUT = 120
# Of these the exact costs are told.
COUNTED = ["A", "B", "C", "D", "K"]


class Venue:
    """One venue process for a whole scenario; it ends with its input."""

    def __init__(self, bin_dir, tls, *arguments):
        command = ["taskset", "-c", str(VENUE_CPU), str(bin_dir / "bench_venue"), *arguments]
        if tls:
            command += ["--tls", str(tls / "server.pem"), str(tls / "server.key")]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = self.process.stdout.readline().strip()
        if not self.port:
            sys.exit("bench: the venue does not start")

    def close(self):
        self.process.stdin.close()
        self.process.wait(TIMEOUT)


class Bench:
    def __init__(self, arguments, work):
        self.bin = pathlib.Path(arguments.bin)
        self.work = work
        self.quick = arguments.quick
        self.rounds = arguments.rounds or (1 if arguments.quick else 5)
        self.certificates = make_certificates(work)
        chosen = arguments.clients.split(",") if arguments.clients else None
        self.clients = [c for c in CLIENTS if self.path(c).exists() and c.cpus <= os.cpu_count()
                        and (not chosen or c.name in chosen)]

    def path(self, client):
        return self.bin / f"bench_{client.program}"

    def command(self, client, scenario, venue, wrap, **changes):
        options = {**scenario.options, **client.options, **changes, "port": venue.port}
        if self.quick and "requests" not in changes:
            options["requests"] = max(options["requests"] // 4, 264)
        if scenario.tls:
            options["ca"] = self.certificates / "ca.pem"
        if client.program == "venuepool" and client.options.get("mode") == "busy":
            options["pool-cpu"] = POOL_CPU
        flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        # Valgrind does not follow into another program, so what wraps comes last.
        return ["taskset", "-c", str(CLIENT_CPU), *wrap, str(self.path(client)), *flags]

    def run(self, client, scenario, venue, wrap=(), env=None, **changes):
        """One run of a client; None when it failed, which is said."""
        command = self.command(client, scenario, venue, wrap, **changes)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT,
                                  env={**os.environ, **(env or {})})
        except subprocess.TimeoutExpired:
            print(f"bench: {client.name} hangs in {scenario.name}", file=sys.stderr)
            return None
        if done.returncode != 0:
            print(f"bench: {client.name} failed in {scenario.name}: {done.stderr.strip()[-300:]}",
                  file=sys.stderr)
            return None
        return Sample.parse(done.stdout)

    # ------------------------------------------------------------------------------ latency

    def compare(self, scenario):
        """All clients, in rotated order, the raw one of their kind between each two."""
        venue = Venue(self.bin, self.certificates if scenario.tls else None)
        preloaded = "preload" if scenario.wire else scenario.preloaded
        env = preloaded and {"LD_PRELOAD": str(self.bin / f"bench_{preloaded}.so")}
        raw = next(c for c in self.clients if c.name == scenario.reference)
        others = [c for c in self.clients if c is not raw and scenario.takes(c)]
        samples = {c.name: [] for c in [raw, *others]}
        for number in range(self.rounds):
            turn = number * 5 % max(len(others), 1)
            before = self.run(raw, scenario, venue, env=env)
            for client in others[turn:] + others[:turn]:
                for _ in range(TRIES):
                    sample = self.run(client, scenario, venue, env=env)
                    after = self.run(raw, scenario, venue, env=env)
                    samples[raw.name].append(after.figures(scenario, [after]))
                    neighbours, before = [before, after], after
                    if sample and is_steady(*neighbours):
                        samples[client.name].append(sample.figures(scenario, neighbours))
                        break
        venue.close()
        return {name: summary(figures) for name, figures in samples.items() if figures}

    # ------------------------------------------------------------------------------- counts

    def count(self, client, scenario, few=1000):
        """Exact costs of one request: what a run of twice as many requests takes more."""
        venue = Venue(self.bin, self.certificates if scenario.tls else None)
        counts = {
            "allocations": self.difference(client, scenario, venue, few, self.allocations),
            "system_calls": self.difference(client, scenario, venue, few, self.system_calls),
        }
        if not client.spins:
            counts["instructions"] = self.difference(client, scenario, venue, few,
                                                     self.instructions)
        venue.close()
        return {name: value for name, value in counts.items() if value is not None}

    def difference(self, client, scenario, venue, few, measure):
        once, twice = (measure(client, scenario, venue, n) for n in (few, 2 * few))
        return None if once is None or twice is None else (twice - once) / few

    def allocations(self, client, scenario, venue, requests):
        out = self.work / "allocations"
        env = {"LD_PRELOAD": str(self.bin / "bench_preload.so"), "BENCH_ALLOCATIONS": str(out)}
        done = self.run(client, scenario, venue, env=env, requests=requests)
        return int(out.read_text().split()[1]) if done else None

    def system_calls(self, client, scenario, venue, requests):
        """Of a client that spins, only the calls that came to something."""
        out = self.work / "strace"
        wrap = ["strace", "-f", "-c", "-U", "calls,errors,name", "-o", str(out)]
        changes = {"requests": requests}
        if client.program == "venuepool":
            # Strace slows all down so much that the look at check-out would not be spared.
            changes["look-after-us"] = 1_000_000
        if not self.run(client, scenario, venue, wrap=wrap, **changes):
            return None
        rows = [line.split() for line in out.read_text().splitlines()]
        rows = [row for row in rows if row and row[0].isdigit() and row[-1] != "total"]
        wasted = sum(int(r[1]) for r in rows if len(r) == 3) if client.spins else 0
        return sum(int(row[0]) for row in rows) - wasted

    def instructions(self, client, scenario, venue, requests):
        out = self.work / "callgrind"
        wrap = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                f"--log-file={out}"]
        if not self.run(client, scenario, venue, wrap=wrap, requests=requests):
            return None
        line = next(line for line in out.read_text().splitlines() if "Collected" in line)
        return int(line.split(":")[1])

    # -------------------------------------------------------------------------------- shapes

    def engines(self):
        """H: requests per second of four engine threads by those of one, 8 in flight."""
        one, four = SCENARIOS["H1"], SCENARIOS["H4"]
        venue = Venue(self.bin, None)
        gains = {}
        for client in self.clients:
            if not four.takes(client):
                continue
            pairs = []
            for _ in range(self.rounds):
                single = self.run(client, one, venue)
                several = self.run(client, four, venue)
                if single and several:
                    pairs.append(several.rate / single.rate)
            gains[client.name] = spread(pairs)
        venue.close()
        return gains

    def heals(self, scenario):
        """J: one order at a time while the venue closes connections at a rate."""
        table = []
        for rate in scenarios.HEALS_PER_SECOND:
            closes = ["--closes-per-second", str(rate)] if rate else []
            for client in (c for c in self.clients if scenario.takes(c)):
                figures = []
                for _ in range(self.rounds):
                    venue = Venue(self.bin, self.certificates if scenario.tls else None, *closes)
                    sample = self.run(client, scenario, venue)
                    venue.close()
                    if sample:
                        figures.append({"p50_us": sample.p(50) / 1000,
                                        "p99_us": sample.p(99) / 1000,
                                        "p999_us": sample.p(99.9) / 1000,
                                        "failed": sample.failed})
                if figures:
                    table.append({"client": client.name, "heals": rate, **summary(figures)})
        return table

    def scale(self, tls):
        """I: one order at a time beside ever more idle connections."""
        base = SCENARIOS["B" if tls else "A"]
        venue = Venue(self.bin, self.certificates if tls else None)
        table = []
        for client in (c for c in self.clients if c.scales):
            alone_kib = None
            for number in scenarios.CONNECTIONS[::4 if self.quick else 1]:
                pairs = []
                for _ in range(self.rounds):
                    one = self.run(client, base, venue, connections=1)
                    many = self.run(client, base, venue, connections=number)
                    if one and many:
                        pairs.append(many.p(50) / one.p(50))
                seconds = 1 if self.quick else 4
                idle = self.run(client, base, venue, connections=number,
                                **{"idle-seconds": seconds})
                grown_kib = idle.rss_open_kib - idle.rss_before_kib
                alone_kib = alone_kib or grown_kib
                table.append({
                    "client": client.name, "connections": number, "p50": spread(pairs),
                    "kib_each": (grown_kib - alone_kib) / (number - 1) if number > 1 else None,
                    "idle_cpu": idle.idle_us / (seconds * 1e6)})
        venue.close()
        return table


class Sample:
    """What one run of a client printed."""

    @classmethod
    def parse(cls, text):
        sample = cls()
        for line in text.splitlines():
            name, *values = line.split()
            numbers = sorted(map(int, values))
            setattr(sample, name, numbers if name in ("latency_ns", "wire_ns") else numbers[0])
        return sample

    def p(self, percent, of="latency_ns"):
        values = getattr(self, of)
        return values[min(int(len(values) * percent / 100), len(values) - 1)]

    @property
    def rate(self):
        return 1e9 / self.elapsed_ns

    def cpu_us(self):
        return self.user_us + self.sys_us

    def figures(self, scenario, raws):
        """Ratios to raw, and what stands behind them."""
        def ratio(figure):
            return figure(self) / statistics.mean(map(figure, raws))
        requests = scenario.requests_of(self)
        out = {
            "p50_us": self.p(50) / 1000, "p99_us": self.p(99) / 1000,
            "p50_ratio": ratio(lambda s: s.p(50)), "p99_ratio": ratio(lambda s: s.p(99)),
            "rate_ratio": ratio(lambda s: s.rate),
            "rate": requests * 1e9 / self.elapsed_ns,
            "cpu_us": self.cpu_us() / requests,
        }
        if self.wire_ns:
            out["wire_us"] = self.p(50, "wire_ns") / 1000
            out["wire_over_raw_us"] = (
                self.p(50, "wire_ns") - statistics.mean(r.p(50, "wire_ns") for r in raws)) / 1000
            out["wire_ratio"] = ratio(lambda s: s.p(50, "wire_ns"))
        return out


def is_steady(before, after):
    """Whether the machine was the same for both."""
    return abs(before.p(50) - after.p(50)) <= NOISE * min(before.p(50), after.p(50))


def spread(values):
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values),
            "samples": len(values)}


def summary(figures):
    return {name: spread([f[name] for f in figures]) for name in figures[0]}


def make_certificates(work):
    """A CA and a server certificate for localhost."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=work, check=True, capture_output=True)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=bench CA", "-addext", "keyUsage=critical,keyCertSign")
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (work / "extensions").write_text(
        "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-out", "leaf.pem", "-days", "2", "-extfile", "extensions")
    chain = (work / "leaf.pem").read_text() + (work / "ca.pem").read_text()
    (work / "server.pem").write_text(chain)
    return work


def keep_awake():
    """Keeps idle CPUs from halting, and us in front of others, where we may."""
    comforts = []
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -20)
        comforts.append("nice -20")
    except PermissionError:
        pass
    try:
        device = open("/dev/cpu_dma_latency", "wb", buffering=0)
        device.write((0).to_bytes(4, sys.byteorder))
        comforts.append("cpu_dma_latency 0")
        return device, comforts  # It holds for as long as it is open.
    except OSError:
        return None, comforts


def machine(comforts):
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.machine())
    return {"cpu": model, "cpus": os.cpu_count(), "kernel": platform.release(),
            "comforts": comforts}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--scenarios")
    parser.add_argument("--clients")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--parts", default="latency,engines,scale,heals,counts")
    parser.add_argument("--keep", action="store_true", help="what an earlier run has found")
    arguments = parser.parse_args()
    awake, comforts = keep_awake()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(arguments, pathlib.Path(work))
        result = {"date": datetime.date.today().isoformat(), "machine": machine(comforts),
                  "rounds": bench.rounds, "ratios": {}, "counts": {}}
        if arguments.keep:
            result = json.loads(pathlib.Path(arguments.out).read_text())
        measure(bench, arguments, result)
    if awake:
        awake.close()
    result["seconds"] = result.get("seconds", 0) + round(time.monotonic() - began)
    pathlib.Path(arguments.out).write_text(json.dumps(result, indent=1))


def measure(bench, arguments, result):
    """Adds to the result what is asked for."""
    parts = set(arguments.parts.split(",")) - ({"counts"} if arguments.quick else set())
    chosen = arguments.scenarios.split(",") if arguments.scenarios else SCENARIOS
    for scenario in SCENARIOS.values():
        if "latency" in parts and scenario.compared and scenario.name in chosen:
            print(f"bench: {scenario.name}, {scenario.title}", file=sys.stderr)
            result["ratios"][scenario.name] = bench.compare(scenario)
    if "engines" in parts and "H1" in chosen:
        result["engines"] = bench.engines()
    if "scale" in parts and "A" in chosen:
        result["scale"] = {"plaintext": bench.scale(False), "TLS": bench.scale(True)}
    for name in ("J", "JT"):
        if "heals" in parts and name in chosen:
            print(f"bench: {name}, {SCENARIOS[name].title}", file=sys.stderr)
            result.setdefault("heals", {})[name] = bench.heals(SCENARIOS[name])
    for name in COUNTED:
        if "counts" in parts and name in chosen:
            print(f"bench: counts of {name}", file=sys.stderr)
            takers = [c for c in bench.clients if SCENARIOS[name].takes(c)]
            result["counts"][name] = {c.name: bench.count(c, SCENARIOS[name]) for c in takers}


if __name__ == "__main__":
    main()
