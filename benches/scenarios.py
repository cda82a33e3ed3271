"""What is measured, and who takes part: the table of scenarios and the table of clients."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Client:
    name: str
    program: str
    options: dict = dataclasses.field(default_factory=dict)
    many: bool = True      # can keep several requests in flight
    spins: bool = False    # never sleeps, so that its counts depend on how long it spins
    cpus: int = 2          # fewer, and what is measured is how threads take turns
    scales: bool = False   # takes part in I
    engines: bool = False  # takes part in H
    websocket: bool = False  # takes part in K and L, and in no other


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    options: dict
    tls: bool = False
    throughput: bool = False  # judged by requests per second
    wire: bool = False        # needs the stamps of preload.c
    compared: bool = True
    preloaded: str = ""       # a library in front of the C library, for raw, too
    takers: tuple = ()        # the clients that take part; none: all
    websocket: bool = False

    @property
    def reference(self):
        """The client between whose runs each other runs."""
        return "raw ws" if self.websocket else "raw"

    def takes(self, client):
        if client.websocket or self.websocket:
            return client.websocket and self.websocket
        if self.takers:
            return client.name in self.takers
        if self.name in ("H1", "H4"):
            return client.engines
        return client.many or self.options["depth"] == 1

    def requests_of(self, sample):
        if self.websocket:
            return sample.messages
        burst = self.options.get("burst", 0)
        return len(sample.latency_ns) * (burst or 1)


ONE = {"connections": 1, "depth": 1, "warm-up": 400}
EIGHT = {"connections": 8, "depth": 8, "warm-up": 800}
# Rare orders, as of most engines: all caches belong to somebody else by then.
RARE = {"connections": 1, "depth": 1, "warm-up": 20, "requests": 320, "gap-us": 10_000}
WASH = {"wash-kib": 32 * 1024}
RARE_TAKERS = ("raw spin", "venuepool poll", "venuepool wait", "venuepool callback", "nexus")
# With a thread of its own for the pool it would take a third CPU.
STACK_TAKERS = ("venuepool poll", "venuepool wait", "nexus", "hyper")
BURST = {**EIGHT, "burst": 64, "warm-up": 640, "requests": 8448}

HEALS = {"connections": 64, "depth": 1, "warm-up": 800, "requests": 60_000, "tolerant": 1}
HEAL_TAKERS = ("venuepool poll", "venuepool wait", "venuepool callback", "nexus", "hyper")
HEALS_PER_SECOND = [0, 20, 200]

SCENARIOS = {s.name: s for s in [
    Scenario("A", "one order in flight, plaintext", {**ONE, "requests": 4400}),
    Scenario("B", "one order in flight, TLS 1.3", {**ONE, "requests": 4400}, tls=True),
    Scenario("C", "8 in flight over 8 connections, plaintext", {**EIGHT, "requests": 13200},
             throughput=True),
    Scenario("CT", "8 in flight over 8 connections, TLS 1.3", {**EIGHT, "requests": 8800},
             tls=True, throughput=True),
    Scenario("D", "body of 16 KiB, plaintext", {**ONE, "content": "body", "requests": 2200}),
    Scenario("DT", "body of 16 KiB, TLS 1.3", {**ONE, "content": "body", "requests": 2200},
             tls=True),
    Scenario("E", "burst of 64 orders over 8 connections, plaintext", BURST),
    Scenario("ET", "burst of 64 orders over 8 connections, TLS 1.3", BURST, tls=True),
    Scenario("F", "chunked body of 4 KiB, plaintext",
             {**ONE, "content": "chunked", "requests": 2200}),
    Scenario("G", "time to wire: submit called to last byte in the kernel, plaintext",
             {**ONE, "requests": 2200}, wire=True),
    Scenario("GT", "time to wire, TLS 1.3", {**ONE, "requests": 2200}, tls=True, wire=True),
    Scenario("O", "one order, under a preloaded stack that spins instead of sleeping", {
        **ONE, "requests": 4400}, preloaded="spin", takers=STACK_TAKERS),
    Scenario("M", "one order each 10 ms, plaintext", RARE, takers=RARE_TAKERS),
    Scenario("N", "one order each 10 ms, the caches washed before it, plaintext",
             {**RARE, **WASH}, takers=RARE_TAKERS),
    Scenario("NT", "one order each 10 ms, the caches washed before it, TLS 1.3",
             {**RARE, **WASH}, tls=True, takers=RARE_TAKERS),
    Scenario("J", "one order in flight beside heals, pool of 64, plaintext", HEALS,
             compared=False, takers=HEAL_TAKERS),
    Scenario("JT", "one order in flight beside heals, pool of 64, TLS 1.3", HEALS, tls=True,
             compared=False, takers=HEAL_TAKERS),
    Scenario("H1", "8 in flight from one engine thread", {**EIGHT, "requests": 13200},
             compared=False),
    Scenario("H4", "8 in flight from four engine threads",
             {**EIGHT, "threads": 4, "requests": 13200}, compared=False),
    Scenario("K", "WebSocket: the echo of an order of 200 bytes, plaintext",
             {"content": "echo", "warm-up": 400, "requests": 4400}, websocket=True),
    Scenario("L", "WebSocket: a stream of messages of 200 bytes, plaintext",
             {"content": "stream", "warm-up": 20_000, "requests": 1_000_000}, throughput=True,
             websocket=True),
]}

CONNECTIONS = [1, 4, 16, 64, 256]


def venuepool(mode, **more):
    return Client(f"venuepool {mode}", "venuepool", {"mode": mode}, **more)


def websocket(name, program, spins=False, **options):
    return Client(name, program, options, spins=spins, websocket=True)


CLIENTS = [
    Client("raw", "raw", {"mode": "sleep"}, engines=True, scales=True),
    Client("raw spin", "raw", {"mode": "spin"}, spins=True),
    venuepool("poll", spins=True, scales=True),
    venuepool("wait", scales=True, engines=True),
    venuepool("callback", scales=True, engines=True),
    venuepool("sleep"),
    venuepool("busy", spins=True, cpus=3),
    Client("nexus", "nexus"),
    Client("hyper", "hyper"),
    Client("reqwest", "reqwest"),
    Client("curl easy", "curl_easy", many=False),
    Client("curl multi", "curl_multi"),
    Client("beast sync", "beast_sync", many=False),
    Client("beast async", "beast_async"),
    Client("httplib", "httplib", many=False),
    websocket("raw ws", "raw_ws", mode="sleep"),
    websocket("raw ws spin", "raw_ws", spins=True, mode="spin"),
    websocket("venuepool ws poll", "venuepool_ws", spins=True, mode="poll"),
    websocket("venuepool ws wait", "venuepool_ws", mode="wait"),
    websocket("venuepool ws sleep", "venuepool_ws", mode="sleep"),
    websocket("venuepool ws callback", "venuepool_ws", mode="callback"),
    websocket("nexus ws", "nexus_ws"),
    websocket("tungstenite", "tungstenite"),
    websocket("fastwebsockets", "fastwebsockets"),
    websocket("beast ws", "beast_ws"),
    websocket("websocketpp", "websocketpp"),
    websocket("curl ws", "curl_ws"),
]
