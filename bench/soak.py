"""Four consumers and two web processes for some minutes, on movies of which a few are hot.

Nothing may deadlock for good, end, or become a dead letter, and every total must be exact at the end: anything else is
an error, and the exit code is 1. How long events take to be visible is compared between the beginning and the end.
"""

import re
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from bench.leg import Leg, legs
from bench.report import Row, progress
from bench.service import Service, consuming, on_servers
from bench.web import serving

MINUTES = 10.0
CONSUMERS = 4
WEB_WORKERS = 2
RATE = 1_000  # events a second
SIZE = 20  # of them, a request
VIEWERS, MOVIES = 2_000, 20
PROBES = 5  # a second
PART = 0.2  # of the time: what is compared at the beginning and the end
WARM_UP = 5.0  # seconds
SAY_EVERY = 30.0  # seconds
FAILURES = re.compile(r"^.*(?:Traceback|ERROR|CRITICAL).*$", re.MULTILINE)
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
TOTALS = {
    "viewers": "SELECT username, total_watch_time FROM watchtime_customuser WHERE username NOT LIKE 'probe-%'",
    "movies": "SELECT slug, total_watch_time FROM watchtime_movie WHERE slug <> 'probe'",
}
EVENTS = "SELECT count(*) FROM watchtime_event e JOIN watchtime_movie m ON m.id = e.movie_id WHERE slug <> 'probe'"


def run(_scale: float, minutes: float = MINUTES) -> list[Row]:
    seconds = 60 * minutes
    with ExitStack() as stack:
        service = stack.enter_context(on_servers())
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        server = stack.enter_context(serving(service, WEB_WORKERS=str(WEB_WORKERS)))
        with ExitStack() as consumers:
            for number in range(CONSUMERS):
                consumers.enter_context(consuming(service, logs / f"consumer-{number}.log"))
            load, probe = stack.enter_context(legs(service, "load:steady", "load:probe"))
            sent, probes = _publish(service, server.port, load, probe, seconds)
            _await_all(service, sent["acknowledged"])
        _require_exact(service, sent)
        _require_calm(logs)
        return [
            Row(f"{CONSUMERS} consumers, {WEB_WORKERS} web processes, {minutes:g} minutes", _rate(sent, seconds)),
            Row("deadlocks, all of them tried again; dead letters; totals that differ", f"{_deadlocks(service)}; 0; 0"),
            *_compared(probes, seconds),
        ]


def _publish(service: Service, port: int, load: Leg, probe: Leg, seconds: float) -> tuple[dict[str, Any], Any]:
    """Keep the load up for so long; return what it was, and the probes."""
    load.start(port, RATE, SIZE, seconds, VIEWERS, MOVIES)
    probe.start(port, service.database_url, PROBES, seconds)
    with _saying(service):
        return load.result(), probe.result()


@contextmanager
def _saying(service: Service) -> Iterator[None]:
    """Say now and then how many events are counted."""
    stop, began = threading.Event(), time.monotonic()

    def say() -> None:
        while not stop.wait(SAY_EVERY):
            counted = _ask(service, EVENTS)
            progress(f"{time.monotonic() - began:.0f} s: {counted:,} events counted, {_deadlocks(service)} deadlocks")

    speaker = threading.Thread(target=say)
    speaker.start()
    try:
        yield
    finally:
        stop.set()
        speaker.join()


def _ask(service: Service, query: str) -> int:
    with psycopg.connect(service.database_url) as connection:
        row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _deadlocks(service: Service) -> int:
    """Return how many deadlocks PostgreSQL ended: the consumer repeats what it refused."""
    return _ask(service, DEADLOCKS)


def _await_all(service: Service, events: int) -> None:
    deadline = time.monotonic() + 60
    while (counted := _ask(service, EVENTS)) < events:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{counted:,} of {events:,} events are counted a minute after the last one")
        time.sleep(0.1)


def _require_exact(service: Service, sent: dict[str, Any]) -> None:
    """Raise RuntimeError unless the totals are those of the events that were acknowledged."""
    service.manage("verify_totals")
    with psycopg.connect(service.database_url) as connection:
        for kind, query in TOTALS.items():
            stored = dict(connection.execute(query).fetchall())
            if stored != sent[kind]:
                wrong = [name for name in stored.keys() | sent[kind].keys() if stored.get(name) != sent[kind].get(name)]
                raise RuntimeError(f"{len(wrong)} {kind} have another total than what was acknowledged: {wrong[:5]}")


def _require_calm(logs: Path) -> None:
    """Raise RuntimeError when a consumer logged an error or a dead letter."""
    for log in sorted(logs.glob("*.log")):
        text = log.read_text()
        if found := FAILURES.findall(text):
            raise RuntimeError(f"{log.name}: {found[0]}")
        if "dead letter" in text:
            raise RuntimeError(f"{log.name} tells of dead letters: {text[-1000:]}")


def _rate(sent: dict[str, Any], seconds: float) -> str:
    return f"{sent['acknowledged']:,} events, {sent['acknowledged'] / (seconds + sent['late']):,.0f}/s"


def _compared(probes: list[tuple[float, float]], seconds: float) -> list[Row]:
    """Compare how long probes took at the end with how long they took at the beginning, warm-up left out."""
    begin, end = probes[0][0] + min(WARM_UP, seconds / 4), probes[-1][0]
    part = PART * (end - begin)
    first = [1000 * taken for due, taken in probes if begin <= due < begin + part]
    last = [1000 * taken for due, taken in probes if due >= end - part]
    rows = []
    for name, figure in (("the median", 50), ("95 of 100", 95)):
        before, after = (statistics.quantiles(taken, n=100)[figure - 1] for taken in (first, last))
        measured = f"{after:.0f} ms at the end, {before:.0f} ms at the beginning"
        rows.append(Row(f"publish to visible: {name}", measured, after / before, 1.5, at_most=True))
    return rows
