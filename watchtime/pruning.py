"""Old rows of the ledger go: what they add up to stays, viewer by movie, and so does the key of each.

The sums (`PrunedPair`, `PrunedQuarter`) are the base that `watchtime.ledger` begins with, so every derived number
stays what it is and can be verified and recomputed. The keys (`PrunedKey`) stay for good: a repeat of a pruned event
is known as one whenever it comes, and other content under its id is a conflict.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from watchtime.aggregates import Aggregates, Entry, Pair, PairKey
from watchtime.models import Event, PrunedKey, PrunedPair, PrunedQuarter
from watchtime.rows import execute, merge_rows, replacing, write

PRUNED_AT_ONCE = 2_000  # events in one transaction: consumers wait for it
Key = tuple[int, UUID]  # of the ledger: the viewer's id and the event's
BASE_COLUMNS = (*Pair.COLUMNS, "edges")
# What keeps a pruned event from being counted again: a condition of the fold's INSERT.
NOT_PRUNED = (
    "NOT EXISTS (SELECT 1 FROM watchtime_prunedkey AS pruned "
    "WHERE pruned.user_id = batch.user_id AND pruned.event_id = batch.event_id)"
)


def content_hash(content: Sequence[Any]) -> int:
    """Return 64 bits, as a signed number, that stand for what repeats of an event must agree in."""
    return int.from_bytes(blake2b(repr(tuple(content)).encode(), digest_size=8).digest(), signed=True)


def pruned_hashes(keys: Iterable[Key]) -> dict[Key, int]:
    """Return the content hashes of those events that were pruned."""
    columns = ["user_id", "event_id", "content"]
    select = f"SELECT {', '.join(columns)} FROM watchtime_prunedkey JOIN {{rows}} USING (user_id, event_id)"
    found = execute(select, PrunedKey, columns[:2], list(keys), returns=columns)
    return {(user_id, event_id): content for user_id, event_id, content in found}


def lock_ledger() -> None:
    """Have folds wait until the transaction ends. On SQLite they do so anyway.

    A fold that comes meanwhile waits for its INSERT, which then sees the keys that this transaction stored.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE watchtime_event IN SHARE ROW EXCLUSIVE MODE")


def prune(before: datetime) -> Iterator[int]:
    """Prune the events that were watched before a time, in small transactions; yield the number of each.

    It can be interrupted and run again at any time.
    """
    old = Event.objects.filter(occurred_at__lt=before).order_by("occurred_at", "id")
    while True:
        with transaction.atomic(durable=True):
            lock_ledger()
            entries = [Entry(*row) for row in old.values_list(*Entry._fields)[:PRUNED_AT_ONCE]]
            if not entries:
                return
            _keep_keys(entries)
            _keep_sums(entries)
            _delete(entries)
        yield len(entries)


def _keep_keys(entries: Sequence[Entry]) -> None:
    columns = ["user_id", "event_id", "content"]
    rows = [(entry.user_id, entry.event_id, content_hash(content_of(entry))) for entry in entries]
    insert = (
        "INSERT INTO watchtime_prunedkey (user_id, event_id, content) SELECT user_id, event_id, content FROM {rows}"
    )
    write(insert, PrunedKey, columns, sorted(rows))


def content_of(entry: Entry) -> tuple[int, int, int, bool]:
    """Return what two events of one key must agree in."""
    return entry.movie_id, entry.start, entry.at, entry.positional


def _delete(entries: Sequence[Entry]) -> None:
    keys = [(entry.user_id, entry.event_id) for entry in entries]
    # By the primary key, because SQLite searches for a pair IN a list by its first column alone.
    found = "SELECT event.id FROM {rows} JOIN watchtime_event AS event USING (user_id, event_id)"
    delete = f"DELETE FROM watchtime_event WHERE id IN ({found})"
    write(delete, Event, ["user_id", "event_id"], keys)


def _keep_sums(entries: Sequence[Entry]) -> None:
    sums: dict[PairKey, Aggregates] = defaultdict(Aggregates)
    for entry in entries:
        sums[entry.movie_id, entry.user_id].add(entry)

    def merge(key: tuple[Any, ...], row: Sequence[Any]) -> Sequence[Any]:
        movie_id, user_id = key
        pair, edges = _load_base(row) if row else (Pair(), Counter[int]())
        pair.merge(sums[movie_id, user_id].pairs[user_id, movie_id])
        for (_, moment), change in sums[movie_id, user_id].views.edges().items():
            edges[moment] += change
        return *pair.row(), json.dumps([edge for edge in sorted(edges.items()) if edge[1]]).encode()

    merge_rows(PrunedPair, ["movie_id", "user_id"], BASE_COLUMNS, replacing(BASE_COLUMNS), sums, merge)
    _keep_quarters(
        (user_id, period, movie_id, *numbers)
        for (movie_id, user_id), aggregates in sums.items()
        for (_, period), numbers in aggregates.quarters.items()
    )


def _keep_quarters(rows: Iterable[tuple[int, ...]]) -> None:
    columns = ["user_id", "period", "movie_id", "seconds", "events"]
    names = ", ".join(columns)
    write(
        f"""
        INSERT INTO watchtime_prunedquarter AS stored ({names}) SELECT {names} FROM {{rows}} WHERE true
        ON CONFLICT (user_id, period, movie_id) DO UPDATE SET
            seconds = stored.seconds + excluded.seconds, events = stored.events + excluded.events
        """,
        PrunedQuarter,
        columns,
        sorted(rows),
    )


def _load_base(row: Sequence[Any]) -> tuple[Pair, "Counter[int]"]:
    *columns, edges = row
    return Pair.stored(columns), Counter(dict(json.loads(bytes(edges))))


def base_of(movie_id: int, read_at_once: int) -> Iterator[tuple[int, Aggregates]]:
    """Yield the viewers of a movie that have pruned events, in the order of their ids, and what those add up to."""
    quarters = _quarters_of(movie_id, read_at_once)
    rows = PrunedPair.objects.filter(movie=movie_id).order_by("user_id").values_list("user_id", *BASE_COLUMNS)
    for user_id, *row in rows.iterator(read_at_once):
        aggregates = Aggregates()
        aggregates.pairs[user_id, movie_id], edges = _load_base(row)
        for moment, change in edges.items():
            aggregates.views.add_edge(movie_id, moment, change)
        _, periods = next(quarters)  # each such viewer has some
        aggregates.quarters.update({(movie_id, period): numbers for period, numbers in periods.items()})
        yield user_id, aggregates


def base_of_pair(movie_id: int, user_id: int) -> Aggregates:
    """Return what the pruned events of a viewer and a movie add up to."""
    aggregates = Aggregates()
    for row in PrunedPair.objects.filter(movie=movie_id, user=user_id).values_list(*BASE_COLUMNS):
        aggregates.pairs[user_id, movie_id], edges = _load_base(row)
        for moment, change in edges.items():
            aggregates.views.add_edge(movie_id, moment, change)
    for quarter in PrunedQuarter.objects.filter(movie=movie_id, user=user_id):
        aggregates.quarters[movie_id, quarter.period] = quarter.seconds, quarter.events
    return aggregates


def _quarters_of(movie_id: int, read_at_once: int) -> Iterator[tuple[int, Mapping[int, tuple[int, int]]]]:
    rows = PrunedQuarter.objects.filter(movie=movie_id).order_by("user_id")
    for user_id, group in groupby(rows.iterator(read_at_once), attrgetter("user_id")):
        yield user_id, {row.period: (row.seconds, row.events) for row in group}
