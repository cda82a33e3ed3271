#!/usr/bin/env python3
"""What happens to orders when the venue closes connections at random times.

Each client sends its orders one by one at random moments, over one connection, to a venue of its
own, which meanwhile
  idle       closes the connection after a random time without a request;
  executed   closes it after every 100th order, which it has executed but does not answer.
A failed order is no fault where the close and the order crossed on the wire. It is a fault to send
an order into a connection that was known to be closed, or to send it twice: that is executed twice.

Prints a table and writes JSON. Ends with 1 if venuepool executed an order twice or a run broke.
It knows the options of the clients and of the venue, and not how they work.
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import time

# The longest pause before an order, and the longest idle time; so short that they often meet.
MOST_MS = 4
DIE_EVERY = 100
VENUES = {
    "idle": ["--idle-close-ms", str(MOST_MS)],
    "executed": ["--die-after-execute", str(DIE_EVERY)],
}
# Name, program, options.
CLIENTS = [
    ("venuepool, engine waits", "venuepool", ["--mode", "wait"]),
    ("venuepool, callback", "venuepool", ["--mode", "callback"]),
    ("libcurl easy", "curl_easy", []),
    ("libcurl multi", "curl_multi", []),
    ("Boost.Beast", "beast_sync", []),
    ("Boost.Beast async", "beast_async", []),
    ("cpp-httplib", "httplib", []),
    ("nexus-async-net", "nexus", []),
    ("hyper", "hyper", []),
    ("hyper-util", "hyper_util", []),
    ("reqwest", "reqwest", []),
]
# A run takes some seconds; nothing may hang.
TIMEOUT_S = 300
COLUMNS = ["sent", "failed", "failed_executed", "executed", "duplicates", "seconds"]


def numbers(text):
    """Lines of a name and one number."""
    return {name: int(value) for name, value in re.findall(r"^(\w+) (\d+)$", text, re.MULTILINE)}


def run(folder, program, options, orders, venue_options):
    """One client against a venue of its own; what both of them counted."""
    venue = subprocess.Popen([folder / "bench_venue", *venue_options], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    started = time.monotonic()
    try:
        port = venue.stdout.readline().strip()
        client = subprocess.run(
            [folder / f"bench_{program}", "--port", port, "--requests", str(orders),
             "--warm-up", "0", "--pause-us", str(MOST_MS * 1000), *options],
            capture_output=True, text=True, timeout=TIMEOUT_S)
        seconds = time.monotonic() - started
        # It tells its counts when its input ends.
        counts = numbers(venue.communicate(timeout=10)[0])
    finally:
        venue.kill()
        venue.wait()
    if client.returncode != 0:
        raise RuntimeError(client.stderr.strip() or f"exit status {client.returncode}")
    failed = numbers(client.stdout)["failed"]
    result = {
        "sent": orders,
        "failed": failed,
        # Failed for the client, yet executed: it has to ask the venue what became of them.
        "failed_executed": counts["orders"] - counts["duplicates"] - (orders - failed),
        "executed": counts["orders"],
        "duplicates": counts["duplicates"],
        "seconds": round(seconds, 1),
    }
    if program == "venuepool":
        result["wire_states"] = collections.Counter(re.findall(r"VP_WIRE_\w+", client.stderr))
    return result


def describe(name, result):
    line = f"{name:26}" + "".join(f"{result[column]:>17}" for column in COLUMNS)
    states = result.get("wire_states", {})
    return line + "".join(f"  {state} {count}" for state, count in sorted(states.items()))


def compare(arguments):
    results = []
    sound = True
    for variant, venue_options in VENUES.items():
        print(f"\n{variant}: venue {' '.join(venue_options)}")
        print(" " * 26 + "".join(f"{column:>17}" for column in COLUMNS), flush=True)
        for name, program, options in CLIENTS:
            if arguments.clients and program not in arguments.clients:
                continue
            if not (arguments.bin / f"bench_{program}").exists():
                print(f"{name:26}  left out: it was not built", flush=True)
                continue
            try:
                result = run(arguments.bin, program, options, arguments.orders, venue_options)
            except (RuntimeError, KeyError, subprocess.TimeoutExpired) as error:
                print(f"{name:26}  BROKE: {error}", flush=True)
                sound = False
                continue
            print(describe(name, result), flush=True)
            sound = sound and not (program == "venuepool" and result["duplicates"])
            results.append({"variant": variant, "client": name, **result})
    return results, sound


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=root / "build/benches/bin",
                        help="where the clients and the venue are")
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--clients", nargs="*", help="only these programs, such as venuepool")
    parser.add_argument("--json", type=pathlib.Path, default=root / "build/benches/idle_close.json")
    arguments = parser.parse_args()
    arguments.bin = arguments.bin.resolve()
    results, sound = compare(arguments)
    arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nwritten to {arguments.json}")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
