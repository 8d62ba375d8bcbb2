"""The cost of authentication, and what a flood of one caller's requests costs the others."""

import base64
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from uuid_utils import uuid7

from bench.report import Row, in_turns, progress
from bench.service import Service, on_servers
from bench.web import Server, post, serving

SECRET = "only-for-benchmarks-" + "0123456789" * 4
KEY = ec.generate_private_key(ec.SECP256R1())
ASKED = 400  # requests of a round
QUIET = 8.0  # seconds
FLOOD = 20.0
PUBLISHERS = 4  # connections of a flood of events
GUESSERS = 16  # connections of a flood of wrong passwords
LIMITS = {"RATE_LIMIT_EVENTS": "60000", "RATE_LIMIT_COST": "60000000"}  # the defaults
TOTAL = {"query": '{ userTotalWatchTime(username: "ada") { totalWatchTime } }'}
PUBLISH = "mutation ($events: [EventInput!]!) { publishEvents(events: $events) { acceptedCount } }"


def run(scale: float) -> list[Row]:
    with on_servers() as service:
        service.manage("shell", "-c", "from bench.legs.graphql import fill; fill()")
        return [*_tokens(service, scale), *_passwords(service, scale), *_floods(service, scale)]


def _request(body: object, authorization: str = "") -> bytes:
    request = post("/graphql/", json.dumps(body).encode())
    header = f"\r\nAuthorization: {authorization}".encode() if authorization else b""
    return request.replace(b"\r\nContent-Type", header + b"\r\nContent-Type", 1)


def _bearer(name: str, key: Any = SECRET, algorithm: str = "HS256") -> str:
    claims = {"sub": name, "scope": "events:publish totals:read", "exp": int(time.time()) + 3_600}
    return f"Bearer {jwt.encode(claims, key, algorithm=algorithm)}"


def _basic(name: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def _tokens(service: Service, scale: float) -> Iterator[Row]:
    progress("a total with a token and without")
    pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    requests = {
        "without": _request(TOTAL),
        "HS256": _request(TOTAL, _bearer("reader")),
        "ES256": _request(TOTAL, _bearer("reader", KEY, "ES256")),
    }
    with serving(service, JWT_SECRET=SECRET, JWT_PUBLIC_KEY=pem) as server:
        asked = {name: _asking(server, request, int(ASKED * scale) + 50) for name, request in requests.items()}
        found = {name: statistics.median(times) for name, times in in_turns(9, asked).items()}
    for name in ("HS256", "ES256"):
        ratio = found[name] / found["without"]
        measured = f"{1e6 * found[name]:.0f} µs against {1e6 * found['without']:.0f} µs"
        yield Row(f"a total with a token ({name}) against one without", measured, ratio, 1.15, at_most=True)


def _asking(server: Server, request: bytes, times: int) -> Callable[[], float]:
    return lambda: server.seconds(request, times)


def _passwords(service: Service, scale: float) -> Iterator[Row]:
    progress("an unknown name and a wrong password")
    service.manage("createsuperuser", "--no-input", "--username", "root", "--email", "root@example.org")
    with serving(service, JWT_SECRET=SECRET) as server:
        attempts = iter(range(1_000))

        def attempt(name: str) -> float:
            request = _request(TOTAL, _basic(name if name == "root" else f"nobody{next(attempts)}", "wrong"))
            begin = time.perf_counter()
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                connection.sendall(request)
                assert b" 401 " in connection.recv(65_536)[:20], "locked out already"
            return time.perf_counter() - begin

        names: Mapping[str, Callable[[], float]] = {
            "wrong": lambda: attempt("root"),
            "unknown": lambda: attempt("nobody"),
        }
        found = {name: min(times) for name, times in in_turns(4, names).items()}
    measured = f"{1e3 * found['unknown']:.0f} ms against {1e3 * found['wrong']:.0f} ms"
    yield Row(
        "an unknown name against a wrong password", measured, found["unknown"] / found["wrong"], 1.1, at_most=True
    )


def _floods(service: Service, scale: float) -> Iterator[Row]:
    events = [{"user": "ada", "slug": f"movie-{n}", "at": 60} for n in range(1_000)]
    flood_of_events = _request({"query": PUBLISH, "variables": {"events": events}}, _bearer("flood"))
    single = {"query": PUBLISH, "variables": {"events": [{"user": "bert", "slug": "dune", "at": 1}]}}
    others = {"publish": _request(single, _bearer("other")), "total": _request(TOTAL, _bearer("other"))}
    with serving(service, JWT_SECRET=SECRET, **LIMITS) as server, _consuming(service):
        for what, connections, flood in (
            ("events", PUBLISHERS, lambda: flood_of_events),
            ("wrong passwords", GUESSERS, lambda: _request(TOTAL, _basic(f"name-{uuid7()}", "wrong"))),
        ):
            progress(f"a flood of {what}")
            quiet = {name: _p95(server, request, QUIET * scale) for name, request in others.items()}
            with _flooding(server, flood, connections):
                during = {name: _p95(server, request, FLOOD * scale / 2) for name, request in others.items()}
            for name in others:
                measured = f"{1e3 * during[name]:.1f} ms against {1e3 * quiet[name]:.1f} ms"
                yield Row(
                    f"95th percentile of another caller's {name} in a flood of {what} against a quiet one",
                    measured,
                    during[name] / quiet[name],
                    3,
                    at_most=True,
                )


def _p95(server: Server, request: bytes, seconds: float) -> float:
    """Return the 95th percentile of the seconds of a request that comes 20 times a second."""
    times, end = [], time.monotonic() + max(seconds, 2)
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        while time.monotonic() < end:
            begin = time.perf_counter()
            connection.sendall(request)
            assert b" 200 " in connection.recv(65_536)[:20]
            times.append(time.perf_counter() - begin)
            time.sleep(0.05)
    return sorted(times)[int(0.95 * len(times))]


@contextmanager
def _flooding(server: Server, request: Callable[[], bytes], connections: int) -> Iterator[None]:
    """Have so many connections send a request again and again, whatever the answers are."""
    stop = threading.Event()

    def send() -> None:
        while not stop.is_set():
            with suppress(OSError), socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
                while not stop.is_set():
                    connection.sendall(request())
                    if not connection.recv(65_536):
                        break

    threads = [threading.Thread(target=send) for _ in range(connections)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@contextmanager
def _consuming(service: Service) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "manage.py", "consume"], cwd=service.root, env=service.environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)
