"""The fold: events in, totals and rollups out, each event once.

One transaction a batch: the ledger takes in the keys (viewer and id) that it does not have yet, and what it
took in, never what was sent, is added to everything else. Sums, maxima and unions do not depend on order,
and the ledger's key makes repeats harmless: any batches in any order give the same tables.
"""

import logging
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.utils import timezone

from watchtime.aggregates import Aggregates, Block, Curve, Entry, Pair, PairKey, Period
from watchtime.coverage import add_to_numbers, decode_coverage
from watchtime.erased import ANY_ERASURE, CAME_BACK, NOT_ERASED, erased_positions
from watchtime.events import WatchEvent
from watchtime.models import BLOCK_SECONDS, CustomUser, Event, Movie, MovieBlock, MovieDay, MovieQuarter, WatchTime
from watchtime.pruning import NOT_PRUNED, content_hash, content_of, pruned_hashes
from watchtime.rows import execute, insert_new, merge_rows, replacing, write

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 10
# serialization_failure and deadlock_detected, https://www.postgresql.org/docs/current/errcodes-appendix.html
REPLAYABLE = {"40001", "40P01"}

Key = tuple[int, UUID]  # of the ledger: the viewer's id and the event's
Content = tuple[Any, ...]  # what two events of one key must agree in: movie, start, at, positional


class Folded(NamedTuple):
    """What a fold did with its events. `conflicts` are positions in the batch."""

    counted: int
    repeats: int
    conflicts: tuple[int, ...]
    erased: int = 0  # events of erased viewers, which are left out


class Keys(NamedTuple):
    """The primary keys of a batch's viewers or movies by name, which of them it has just made, and which are marked."""

    ids: Mapping[str, int]
    made: frozenset[int]
    marked: frozenset[int]


def fold(events: Sequence[WatchEvent], sent: Sequence[float | None] | None = None) -> Folded:
    """Count each event that the ledger does not have yet, in one transaction.

    `sent` is when each was sent, in seconds since the epoch, where that is known: by it, an event of a viewer who
    was erased meanwhile is told from one of a viewer who came back.

    An event whose viewer and id the ledger has with other content is a conflict, and not counted.
    A deadlock or serialization failure replays the whole batch. Raises django.db.Error:
    nothing is counted then, unless the connection broke during COMMIT; fold again to be sure.
    """
    attempt = 1
    while True:
        try:
            with transaction.atomic(durable=True):
                return _fold(events, sent or [None] * len(events)) if events else Folded(0, 0, ())
        except OperationalError as error:
            if attempt == MAX_ATTEMPTS or getattr(error.__cause__, "sqlstate", None) not in REPLAYABLE:
                raise
            logger.info("replaying a batch of %d events: %s", len(events), str(error).partition("\n")[0])
        time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311
        attempt += 1


def _fold(events: Sequence[WatchEvent], sent: Sequence[float | None]) -> Folded:
    _plan_by_keys()
    users = _keys(CustomUser, "username", {event.user for event in events}, CAME_BACK, ANY_ERASURE)
    movies = _keys(Movie, "slug", {event.slug for event in events})
    erased = erased_positions(events, sent, users.ids, users.marked)
    positions = [position for position in range(len(events)) if position not in erased]
    entries = [_entry(events[at], users.ids[events[at].user], movies.ids[events[at].slug]) for at in positions]
    new = _enter(entries)
    _add(new.values())
    _remove(CustomUser, users.made - {entry.user_id for entry in new.values()})
    _remove(Movie, movies.made - {entry.movie_id for entry in new.values()})
    conflicts = () if len(new) == len(entries) else _conflicts(entries, new)
    conflicting = tuple(positions[at] for at in conflicts)
    return Folded(len(new), len(entries) - len(new) - len(conflicts), conflicting, len(erased))


def _plan_by_keys() -> None:
    """Have PostgreSQL find the rows of a batch by their keys, until the transaction ends.

    While a table is small it would rather read all of it, or join by a hash. It keeps the plan of a prepared statement
    until the table is analyzed again, and such a plan is slow on the table that grew meanwhile.
    """
    if connection.vendor == "postgresql":
        off = ", ".join(f"set_config('enable_{way}', 'off', true)" for way in ("hashjoin", "mergejoin", "seqscan"))
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {off}")


def _conflicts(entries: Sequence[Entry], new: Mapping[Key, Entry]) -> tuple[int, ...]:
    """Return the positions of entries whose key stands for other content."""
    ledger = {key: content_of(entry) for key, entry in new.items()}
    ledger |= _contents({_key(entry) for entry in entries} - new.keys())
    pruned = pruned_hashes({_key(entry) for entry in entries} - ledger.keys())

    def is_conflict(entry: Entry) -> bool:
        key, content = _key(entry), content_of(entry)
        if key in ledger:
            return ledger[key] != content
        return key in pruned and pruned[key] != content_hash(content)  # in neither: the viewer was erased meanwhile

    return tuple(position for position, entry in enumerate(entries) if is_conflict(entry))


def _entry(event: WatchEvent, user_id: int, movie_id: int) -> Entry:
    return Entry(user_id, event.id, movie_id, event.start, event.at, event.positional, event.occurred_at)


def _key(entry: Entry) -> Key:
    return entry.user_id, entry.event_id


def _keys(
    model: type[CustomUser | Movie], name: str, names: set[str], mark: str = "false", mark_new: str = "false"
) -> Keys:
    """Look viewers or movies up, and make those that are missing. The marks are SQL conditions of either."""
    table = model._meta.db_table
    select = f"SELECT {name}, id, {mark} FROM {table} JOIN {{rows}} USING ({name})"
    found = execute(select, model, [name], [(value,) for value in names])
    ids = {value: pk for value, pk, _ in found}
    marked = frozenset(pk for _, pk, is_marked in found if is_marked)
    missing = sorted(names - ids.keys())
    if not missing:
        return Keys(ids, frozenset(), marked)
    insert = f"INSERT INTO {table} ({name}) SELECT {name} FROM {{rows}} WHERE true ON CONFLICT ({name}) DO NOTHING"
    made = execute(f"{insert} RETURNING {name}, id, {mark_new}", model, [name], [(value,) for value in missing])
    ids |= {value: pk for value, pk, _ in made}
    marked |= {pk for _, pk, is_marked in made if is_marked}
    if others := names - ids.keys():  # another consumer made them meanwhile
        found = execute(select, model, [name], [(value,) for value in others])
        ids |= {value: pk for value, pk, _ in found}
        marked |= {pk for _, pk, is_marked in found if is_marked}
    return Keys(ids, frozenset(pk for _, pk, _ in made), marked)


def _remove(model: type[CustomUser | Movie], ids: Iterable[int]) -> None:
    """Remove what this batch made for events that turned out to be conflicts."""
    if rows := [(pk,) for pk in sorted(ids)]:
        write(f"DELETE FROM {model._meta.db_table} WHERE id IN (SELECT id FROM {{rows}})", model, ["id"], rows)


def _enter(entries: Sequence[Entry]) -> Mapping[Key, Entry]:
    """Enter events into the ledger; return those that it took in. The first of a key in the batch wins."""
    now = timezone.now()
    first = {_key(entry): entry for entry in reversed(entries)}
    columns = (*Entry._fields, "received_at")
    names = ", ".join(columns)
    insert = (
        f"INSERT INTO watchtime_event ({names}) SELECT {names} FROM {{rows}} WHERE {NOT_PRUNED} AND {NOT_ERASED} "
        "ON CONFLICT (user_id, event_id) DO NOTHING"
    )
    rows = [(*entry, now) for entry in sorted(first.values())]  # by their keys, which come first
    taken = insert_new(insert, Event, columns, rows, returns=["user_id", "event_id"])
    return first if taken is None else {key: first[key] for key in taken}


def _contents(keys: Iterable[Key]) -> dict[Key, Content]:
    """Return what the ledger has under these keys."""
    rows = list(keys)
    if not rows:
        return {}
    columns = ["user_id", "event_id", "movie_id", "start", "at", "positional"]
    select = f"SELECT {', '.join(columns)} FROM watchtime_event JOIN {{rows}} USING (user_id, event_id)"
    found = execute(select, Event, columns[:2], rows, returns=columns)
    return {(user_id, event_id): tuple(content) for user_id, event_id, *content in found}


def _add(entries: Iterable[Entry]) -> None:
    """Add what the ledger took in to everything that derives from it.

    Each table in this order and each in the order of its key, so that parallel folds wait
    for each other instead of deadlocking; the movies last, because they are the hottest.
    """
    aggregates = Aggregates()
    for entry in entries:
        aggregates.add(entry)
    if aggregates.pairs:
        viewers = _add_to_pairs(aggregates.pairs)
        add_to_blocks(aggregates.views, viewers)
        add_to_periods(MovieQuarter, aggregates.quarters)
        add_to_periods(MovieDay, aggregates.days())
        add_to_total(CustomUser, aggregates.totals(0))
        add_to_total(Movie, aggregates.totals(1))


# Whether the batch has a later event than the pair: positional ones go before others, then by time and id.
LATER = """(
    CASE WHEN stored.latest_event IS NULL
    THEN batch.latest_event IS NOT NULL OR batch.watched_at > stored.watched_at
    ELSE batch.latest_event IS NOT NULL
         AND (batch.watched_at, batch.latest_event) > (stored.watched_at, stored.latest_event) END
)"""
LATEST = ("resume_moment", "watched_at", "latest_event", "watched_day")
PAIR_WRITES = {
    "total": "stored.total + batch.total",
    "last_moment": "CASE WHEN batch.last_moment > stored.last_moment "
    "THEN batch.last_moment ELSE stored.last_moment END",
    **replacing(["unique_seconds", "coverage"]),
    **{column: f"CASE WHEN {LATER} THEN batch.{column} ELSE stored.{column} END" for column in LATEST},
}
CURVES = ("views", "viewers")


def _add_to_pairs(pairs: Mapping[PairKey, Pair]) -> Curve:
    """Return the curve of the viewers who watched a second for the first time.

    That is decided under the lock of the pair, or by having made it: of two consumers that
    bring the same new second of a pair, one counts it.
    """
    new: dict[PairKey, list[int]] = {}

    def merge(key: PairKey, row: Sequence[bytes]) -> Sequence[Any]:
        if not row:
            new[key] = pairs[key].coverage
            return pairs[key].row()
        pair = Pair()
        pair.coverage = decode_coverage(*row)
        new[key] = pair.merge(pairs[key])
        return pair.row()

    merge_rows(WatchTime, ["user_id", "movie_id"], ["coverage"], PAIR_WRITES, pairs, merge)
    viewers = Curve()
    for (_, movie_id), coverage in new.items():
        viewers.add_coverage(movie_id, coverage)
    return viewers


def add_to_blocks(views: Curve, viewers: Curve) -> None:
    """Add to the movies' curves."""
    added = views.blocks()
    added_viewers = viewers.blocks()

    def merge(key: Block, row: Sequence[bytes]) -> Sequence[bytes]:
        numbers, numbers_of_viewers = row or (b"", b"")
        return (
            add_to_numbers(numbers, BLOCK_SECONDS, added.get(key, ())),
            add_to_numbers(numbers_of_viewers, BLOCK_SECONDS, added_viewers.get(key, ())),
        )

    blocks = added.keys() | added_viewers.keys()
    merge_rows(MovieBlock, ["movie_id", "block"], CURVES, replacing(CURVES), blocks, merge)


def add_to_periods(model: type[MovieQuarter | MovieDay], periods: Mapping[Period, tuple[int, int]]) -> None:
    """Add seconds and events to the movies' quarters or days."""
    write(
        f"""
        INSERT INTO {model._meta.db_table} AS stored (movie_id, period, seconds, events)
        SELECT movie_id, period, seconds, events FROM {{rows}} WHERE true
        ON CONFLICT (movie_id, period) DO UPDATE SET
            seconds = stored.seconds + excluded.seconds, events = stored.events + excluded.events
        """,
        model,
        ["movie_id", "period", "seconds", "events"],
        [(*period, *periods[period]) for period in sorted(periods)],
    )


def add_to_total(model: type[CustomUser | Movie], seconds: Mapping[int, int]) -> None:
    """Add seconds to viewers' or movies' totals."""
    table = model._meta.db_table
    batch = "{rows}"
    if connection.features.has_select_for_no_key_update:  # an UPDATE takes its locks in no order of its own
        batch = (
            f"(SELECT id, batch.total_watch_time FROM {table} JOIN {{rows}} USING (id) "
            f"ORDER BY id FOR NO KEY UPDATE OF {table}) AS batch"
        )
    write(
        f"UPDATE {table} SET total_watch_time = {table}.total_watch_time + batch.total_watch_time "
        f"FROM {batch} WHERE {table}.id = batch.id",
        model,
        ["id", "total_watch_time"],
        sorted(seconds.items()),
    )
