"""The most expensive operations that pass the limits, in seconds, over HTTP.

Each kind is as large as the limits let it be, so this stays true when they change. Documents are
new to the service each time. A simple total is timed in turns with them, from one client.
"""

import json
import statistics

from bench.leg import legs
from bench.report import Row, progress
from bench.service import Service, embedded, on_servers
from bench.totals import fill
from bench.web import Server, post, serving

PAIRS = 1_000_000
ROUNDS = 5
TOTALS = 20  # as one takes no time to speak of
TOTAL = '{ userTotalWatchTime(username: "viewer-1") { username totalWatchTime } }'


def run(scale: float) -> list[Row]:
    """Measure every kind on PostgreSQL with a million pairs and RabbitMQ, and on SQLite with the embedded queue."""
    rows = []
    with on_servers() as service:
        fill(service, max(10_000, int(PAIRS * scale)))
        rows += _rows(service, "PostgreSQL")
    with embedded() as service:
        with legs(service, "costliest:fill") as (make,):
            make()
        rows += _rows(service, "SQLite")
    return rows


def _rows(service: Service, where: str) -> list[Row]:
    with legs(service, "costliest:bodies") as (bodies,), serving(service) as server:
        return [_compare(server, f"{kind}: {where}", body) for kind, body in bodies().items()]


def _compare(server: Server, kind: str, body: str) -> Row:
    simple, large = [], []
    for number in range(ROUNDS + 1):
        simple.append(server.seconds(_request({"query": TOTAL}), TOTALS))
        large.append(server.seconds(_request(_unknown(body, number)), 1))
    total, costliest = statistics.median(simple[1:]), statistics.median(large[1:])
    progress(f"{kind}: {costliest * 1e3:.1f} ms")
    measured = f"{costliest * 1e3:.1f} ms, as long as {costliest / total:.0f} totals of {total * 1e3:.2f}"
    return Row(kind, measured, costliest, reach=1.0, at_most=True)


def _unknown(body: str, number: int) -> object:
    """Return the operation with a document that the service has not seen yet."""
    operation = json.loads(body)
    return {**operation, "query": operation["query"] + " " * number}


def _request(operation: object) -> bytes:
    return post("/graphql/", json.dumps(operation).encode())
