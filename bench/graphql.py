"""The GraphQL endpoint against a bare view that returns the same bytes, on the same server and middleware.

They are measured in turns within one run, and what counts is the ratio. Beside
the requests a second stands the same by the server's own processor time, which
what else the machine does hardly touches.
"""

import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from bench.leg import legs
from bench.report import Row, in_turns, per_second, ratio
from bench.service import ROOT, Service, embedded, on_servers

CLIENTS = 8
ROUNDS = 7
SECONDS = 1.0
TICK = os.sysconf("SC_CLK_TCK")
EVENT = {"user": "ada", "slug": "dune", "at": 60}
PUBLISH = "mutation ($event: EventInput!) { publishEvent(event: $event) { id userErrors { path code message } } }"
OPERATIONS: dict[str, tuple[str, dict[str, Any], float]] = {
    "user total": (
        "query ($u: String!) { userTotalWatchTime(username: $u) { username totalWatchTime } }",
        {"u": "ada"},
        0.3,
    ),
    "movie total": (
        "query ($s: String!) { movieTotalWatchTime(slug: $s) { slug title totalWatchTime } }",
        {"s": "dune"},
        0.3,
    ),
    "viewer's movie total": (
        "query ($u: String!, $s: String!)"
        " { userMovieTotalWatchTime(username: $u, movieSlug: $s) { lastMoment totalWatchTime } }",
        {"u": "ada", "s": "dune"},
        0.3,
    ),
    "confirmed publish": (PUBLISH, {"event": EVENT}, 0.25),
}


class Load(NamedTuple):
    """What a round took."""

    rate: float  # requests a second
    cpu: float  # requests a second of the server's processor time


def run(scale: float) -> list[Row]:
    """Measure every operation on SQLite with the embedded queue, and on PostgreSQL with RabbitMQ."""
    rows = []
    for where, service in (("SQLite, embedded queue", embedded), ("PostgreSQL, RabbitMQ", on_servers)):
        with service() as made, legs(made, "graphql:fill", "graphql:limits") as (fill, limits):
            fill()
            with _server(made) as server:
                rows += [_compare(server, f"{name}: {where}", *OPERATIONS[name], scale) for name in OPERATIONS]
            rows += [_limits(limits(int(2000 * scale)))] if service is embedded else []
    return rows


def _compare(server: "Server", name: str, query: str, variables: dict[str, Any], reach: float, scale: float) -> Row:
    graphql = _post("/graphql/", json.dumps({"query": query, "variables": variables}).encode())
    answer = server.ask(graphql)
    if b'"errors"' in answer:
        raise RuntimeError(answer)
    requests = {"bare": _post(f"/bare/{base64.urlsafe_b64encode(answer).decode()}", b"{}"), "graphql": graphql}
    loads: dict[str, list[Load]] = {name: [] for name in requests}

    def measure(kind: str) -> float:
        loads[kind].append(server.load(requests[kind], SECONDS * scale))
        return loads[kind][-1].rate

    rates = in_turns(ROUNDS, {"bare": lambda: measure("bare"), "graphql": lambda: measure("graphql")})
    by_cpu = ratio((load.cpu for load in loads["graphql"]), (load.cpu for load in loads["bare"]))
    measured = f"{per_second(rates['graphql'])} of {per_second(rates['bare'])}; {by_cpu:.2f} by processor time"
    return Row(name, measured, ratio(rates["graphql"], rates["bare"]), reach)


def _limits(figures: dict[str, list[float]]) -> Row:
    measured = f"{statistics.median(figures['limits']) * 1e6:.0f} of {statistics.median(figures['none']) * 1e6:.0f} µs"
    return Row(
        "a cached query, with all limits", measured, ratio(figures["limits"], figures["none"]), 1.3, at_most=True
    )


class Server:
    """A running web server of one process, and clients that keep it busy."""

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.pid = pid

    def ask(self, request: bytes) -> bytes:
        """Send one request; return the body of the answer."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            return _exchange(connection, request)

    def load(self, request: bytes, seconds: float) -> Load:
        """Send the request from every client, again and again."""
        counts, begin, cpu = [0] * CLIENTS, time.monotonic(), self._cpu()
        clients = [
            threading.Thread(target=self._client, args=(request, begin + seconds, counts, index))
            for index in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        return Load(sum(counts) / (time.monotonic() - begin), sum(counts) / max(self._cpu() - cpu, 1 / TICK))

    def _client(self, request: bytes, end: float, counts: list[int], index: int) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            while time.monotonic() < end:
                _exchange(connection, request)
                counts[index] += 1

    def _cpu(self) -> float:
        """Return the processor seconds of the server and its worker so far."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                pid, _, rest = stat.read_text().partition(" ")
                fields = rest.rpartition(")")[2].split()
                if self.pid in (int(pid), int(fields[1])):
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / TICK


def _exchange(connection: socket.socket, request: bytes) -> bytes:
    connection.sendall(request)
    received = connection.recv(65_536)
    head, _, body = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(received)
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65_536)
    return body


def _post(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


@contextmanager
def _server(service: Service) -> Iterator[Server]:
    """Start the web server with one worker."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    settings = {"DJANGO_SETTINGS_MODULE": "bench.bare_settings", "PORT": str(port), "WEB_WORKERS": "1"}
    environment = {**service.environment, **settings}
    process = subprocess.Popen([sys.executable, "manage.py", "serve"], cwd=ROOT, env=environment)
    try:
        _await(port)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait(20)


def _await(port: int) -> None:
    for _ in range(200):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.1)
    raise RuntimeError("The web server does not answer.")
