"""The GraphQL endpoint against the simplest strawberry-django application, and against another checkout.

All of them answer the same operations on the same kind of server, in turns within one run: what counts is the ratio.
The table has requests per second, and per second of the server's processor time, which other work on the machine
hardly changes. `--against PATH` adds the other checkout, with its own database and queue; its virtual environment may
be this one.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench.leg import legs
from bench.report import Row, in_turns, per_second, ratio
from bench.service import Service, embedded, on_servers
from bench.web import GENERATOR, Load, Server, post, serving

ROUNDS = 7
SECONDS = 1.0
SAME = {"WEB_WORKERS": "1", "WEB_THREADS": "4"}
DEFAULTS = {"WEB_WORKERS": "", "WEB_THREADS": ""}  # each checkout's own
EVENT = {"user": "ada", "slug": "dune", "at": 60}
PUBLISH = "mutation ($event: EventInput!) { publishEvent(event: $event) { id userErrors { path code message } } }"


class Case(NamedTuple):
    """An operation, and what its rate is to reach against a bare view, the peer and the other checkout."""

    query: str
    variables: Mapping[str, Any]
    bare: float
    peer: float | None = None
    other: float | None = None
    defaults: float | None = None


CASES = {
    "a viewer's total": Case(
        "query ($u: String!) { userTotalWatchTime(username: $u) { username totalWatchTime } }",
        {"u": "ada"},
        *(0.15, 1.5, 0.55, 1.2),
    ),
    "20 viewers with 5 movies each": Case(
        "{ users(first: 20) { edges { node { username totalWatchTime watchTimes(first: 5) {"
        " edges { node { totalWatchTime lastMoment movie { slug title } } } } } } } }",
        {},
        *(0.01, None, 0.35),
    ),
    "a confirmed publish": Case(PUBLISH, {"event": EVENT}, *(0.15, 1.2, 0.65, 1.0)),
}


def run(scale: float, against: Path | None = None) -> list[Row]:
    """Measure each operation against a bare view on both databases, against the peer and the checkout on PostgreSQL."""
    rows = [Row("clients of all that follows", GENERATOR)]
    with embedded() as service, filled(service), serving(service, **SAME) as server:
        rows += [_beside(server, f"{name}: SQLite, embedded queue", case, scale) for name, case in CASES.items()]
    with ExitStack() as stack:
        service = stack.enter_context(on_servers())
        stack.enter_context(filled(service))
        server = stack.enter_context(serving(service, **SAME))
        rows += [_beside(server, f"{name}: PostgreSQL, RabbitMQ", case, scale) for name, case in CASES.items()]
        rows += [_peer(server, f"{name}: against the peer", case, scale) for name, case in CASES.items() if case.peer]
        if against:
            other = stack.enter_context(on_servers(against))
            stack.enter_context(filled(other))
            rows += _against(server, service, other, scale)
    return rows


@contextmanager
def filled(service: Service) -> Iterator[None]:
    """Make a total of each kind, and a hundred viewers with a hundred movies each."""
    module = "costliest" if (service.root / "bench" / "legs" / "costliest.py").exists() else "dearest"  # its old name
    with legs(service, "graphql:fill", f"{module}:fill") as (totals, crowd):
        totals()
        crowd()
    yield


def _against(server: Server, service: Service, other: Service, scale: float) -> list[Row]:
    with serving(other, **SAME) as before:
        rows = [
            _pair(server, before, f"{name}: against {other.root.name}", case, case.other, scale)
            for name, case in CASES.items()
        ]
    with serving(service, **DEFAULTS) as ours, serving(other, **DEFAULTS) as theirs:
        return rows + [
            _pair(ours, theirs, f"{name}: out of the box against {other.root.name}", case, case.defaults, scale)
            for name, case in CASES.items()
        ]


def _request(case: Case, path: str = "/graphql/") -> bytes:
    return post(path, json.dumps({"query": case.query, "variables": case.variables}).encode())


def _beside(server: Server, name: str, case: Case, scale: float) -> Row:
    answer = server.ask(_request(case))
    bare = post(f"/bare/{base64.urlsafe_b64encode(answer[:1_000]).decode()}", b"{}")
    return _compared(name, {"graphql": (server, _request(case)), "bare": (server, bare)}, case.bare, scale)


def _peer(server: Server, name: str, case: Case, scale: float) -> Row:
    requests = {"graphql": (server, _request(case)), "peer": (server, _request(case, "/peer/"))}
    return _compared(name, requests, case.peer, scale)


def _pair(ours: Server, theirs: Server, name: str, case: Case, reach: float | None, scale: float) -> Row:
    requests = {"this": (ours, _request(case)), "other": (theirs, _request(case))}
    return _compared(name, requests, reach, scale)


def _compared(name: str, requests: Mapping[str, tuple[Server, bytes]], reach: float | None, scale: float) -> Row:
    """Send two requests in turns; return the ratio of the first one's rate to the second one's."""
    loads: dict[str, list[Load]] = {kind: [] for kind in requests}
    for server, request in requests.values():
        if b'"errors"' in (answer := server.ask(request)):
            raise RuntimeError(answer)

    def measure(kind: str) -> float:
        server, request = requests[kind]
        loads[kind].append(server.load(request, SECONDS * scale))
        return loads[kind][-1].rate

    first, second = requests
    rates = in_turns(ROUNDS, {kind: lambda kind=kind: measure(kind) for kind in requests})
    by_cpu = ratio((load.cpu for load in loads[first]), (load.cpu for load in loads[second]))
    measured = f"{per_second(rates[first])} of {per_second(rates[second])}; {by_cpu:.2f} by processor time"
    return Row(name, measured, ratio(rates[first], rates[second]), reach)
