"""The leg of `bench.scale`: what folding costs here, and how long it holds the hottest row."""

import resource
import time
from collections.abc import Sequence
from itertools import islice
from typing import Any

from django.db import connection

from bench.traffic import messages
from watchtime import fold as folding
from watchtime.events import WatchEvent


def measure(count: int, batch: int) -> dict[str, float]:
    """Fold new events; return seconds an event, those of this processor, and seconds a batch holds the movies' rows."""
    events = [WatchEvent.decode(body) for body in messages(count)]
    held: list[float] = []
    locked_at = 0.0

    def execute(run: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        nonlocal locked_at
        result = run(sql, parameters, many, context)
        if "UPDATE watchtime_movie " in sql:
            locked_at = time.perf_counter()
        return result

    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_utime, time.perf_counter()
    with connection.execute_wrapper(execute):
        for part in batches(events, batch):
            folding.fold(part)
            held.append(time.perf_counter() - locked_at)
    seconds, processor = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
    return {"fold": seconds / count, "python": processor / count, "held": sorted(held)[len(held) // 2]}


def batches(events: Sequence[WatchEvent], size: int) -> list[Sequence[WatchEvent]]:
    rest = iter(events)
    return [part for _ in range(0, len(events), size) if (part := list(islice(rest, size)))]


def sizes(table: str) -> int:
    """Return the bytes of a table with its indexes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size(%s)", [table])
        return int(cursor.fetchone()[0])


def log_position() -> int:
    """Return how many bytes PostgreSQL has written to its log."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_lsn() - '0/0'")
        return int(cursor.fetchone()[0])


def call(name: str, *arguments: Any) -> Any:
    """Call one of the functions above."""
    return {"measure": measure, "sizes": sizes, "log_position": log_position}[name](*arguments)
