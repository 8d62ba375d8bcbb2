"""The fold: events in, totals out, each event once.

One transaction a batch: the ledger takes in the ids that it does not have yet, and what it
took in, never what was sent, is added to the totals. Sum and maximum do not depend on order,
and the ledger's unique id makes repeats harmless: any batches in any order give the same tables.
"""

import logging
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import OperationalError, connection, models, transaction
from django.utils import timezone

from watchtime.events import WatchEvent
from watchtime.models import CustomUser, Event, Movie, WatchTime
from watchtime.rows import execute

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 10
# serialization_failure and deadlock_detected, https://www.postgresql.org/docs/current/errcodes-appendix.html
REPLAYABLE = {"40001", "40P01"}

ENTRY_COLUMNS = ("event_id", "user_id", "movie_id", "start", "at")


class Folded(NamedTuple):
    """What a fold did with its events. `conflicts` are positions in the batch."""

    counted: int
    repeats: int
    conflicts: tuple[int, ...]


class Entry(NamedTuple):
    """What the ledger holds of an event."""

    user_id: int
    movie_id: int
    start: int
    at: int


def fold(events: Sequence[WatchEvent]) -> Folded:
    """Count each event that the ledger does not have yet, in one transaction.

    An event whose id the ledger has with other content is a conflict, and not counted.
    A deadlock or serialization failure replays the whole batch. Raises django.db.Error:
    nothing is counted then, unless the connection broke during COMMIT; fold again to be sure.
    """
    attempt = 1
    while True:
        try:
            with transaction.atomic(durable=True):
                return _fold(events) if events else Folded(0, 0, ())
        except OperationalError as error:
            if attempt == MAX_ATTEMPTS or getattr(error.__cause__, "sqlstate", None) not in REPLAYABLE:
                raise
            logger.info("replaying a batch of %d events: %s", len(events), str(error).partition("\n")[0])
        time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311
        attempt += 1


def _fold(events: Sequence[WatchEvent]) -> Folded:
    users = _ids(CustomUser, "username", {event.user for event in events}, _new_viewer)
    movies = _ids(Movie, "slug", {event.slug for event in events}, lambda slug: Movie(slug=slug))
    entries = [Entry(users[event.user], movies[event.slug], event.start, event.at) for event in events]
    new = _enter(events, entries)
    _add_to_totals(new.values())
    ledger = new | _entries({event.id for event in events} - new.keys())
    conflicts = tuple(
        position
        for position, (event, entry) in enumerate(zip(events, entries, strict=True))
        if ledger[event.id] != entry
    )
    return Folded(len(new), len(events) - len(new) - len(conflicts), conflicts)


def _new_viewer(username: str) -> CustomUser:
    # As make_password(None) has it, which draws each letter alone and so takes ten times as long.
    return CustomUser(username=username, password=UNUSABLE_PASSWORD_PREFIX + secrets.token_urlsafe(30))


def _ids(model: type[models.Model], key: str, keys: set[str], make: Callable[[str], models.Model]) -> dict[str, int]:
    """Return the primary key of each viewer or movie, after making those that are missing."""
    rows = [(value,) for value in keys]
    select = f"SELECT {key}, id FROM {model._meta.db_table} JOIN {{rows}} USING ({key})"
    ids: dict[str, int] = dict(execute(select, model, [key], rows))
    if missing := sorted(keys - ids.keys()):
        _insert(model, key, [make(value) for value in missing])
        ids = dict(execute(select, model, [key], rows))
    return ids


def _insert(model: type[models.Model], key: str, instances: Iterable[models.Model]) -> None:
    """Insert viewers or movies in the order given, but for those that another consumer made meanwhile."""
    columns = [field.attname for field in model._meta.concrete_fields if not field.primary_key]
    names = ", ".join(columns)
    execute(
        f"INSERT INTO {model._meta.db_table} ({names}) SELECT {names} FROM {{rows}} WHERE true "
        f"ON CONFLICT ({key}) DO NOTHING",
        model,
        columns,
        [[getattr(instance, column) for column in columns] for instance in instances],
    )


def _enter(events: Sequence[WatchEvent], entries: Sequence[Entry]) -> dict[UUID, Entry]:
    """Enter events into the ledger; return those that it took in. The first of an id in the batch wins."""
    now = timezone.now()
    rows = {
        event.id: (event.id, *entry, event.occurred_at, now)
        for event, entry in reversed(list(zip(events, entries, strict=True)))
    }
    returned = execute(
        """
        INSERT INTO watchtime_event (event_id, user_id, movie_id, start, at, occurred_at, received_at)
        SELECT event_id, user_id, movie_id, start, at, occurred_at, received_at FROM {rows} WHERE true
        ON CONFLICT (event_id) DO NOTHING
        RETURNING event_id, user_id, movie_id, start, at
        """,
        Event,
        [*ENTRY_COLUMNS, "occurred_at", "received_at"],
        [rows[event_id] for event_id in sorted(rows)],
    )
    return _by_id(returned)


def _entries(event_ids: set[UUID]) -> dict[UUID, Entry]:
    """Return what the ledger has under these ids."""
    if not event_ids:
        return {}
    select = "SELECT event_id, user_id, movie_id, start, at FROM watchtime_event JOIN {rows} USING (event_id)"
    return _by_id(execute(select, Event, ["event_id"], [(event_id,) for event_id in event_ids]))


def _by_id(rows: Iterable[tuple[Any, ...]]) -> dict[UUID, Entry]:
    # SQLite has no UUID type: its ids come back as text.
    return {Event._meta.get_field("event_id").to_python(event_id): Entry(*entry) for event_id, *entry in rows}


def _add_to_totals(entries: Iterable[Entry]) -> None:
    """Add what the ledger took in to the pairs, the viewers and the movies.

    Each table in this order and each in the order of its key, so that parallel folds wait
    for each other instead of deadlocking; the movies last, because they are the hottest.
    """
    pairs: Counter[tuple[int, int]] = Counter()
    users: Counter[int] = Counter()
    movies: Counter[int] = Counter()
    furthest: dict[tuple[int, int], int] = {}
    for user_id, movie_id, start, at in entries:
        pair = user_id, movie_id
        pairs[pair] += at - start
        users[user_id] += at - start
        movies[movie_id] += at - start
        furthest[pair] = max(at, furthest.get(pair, 0))
    if pairs:
        _add_to_pairs([(*pair, furthest[pair], pairs[pair]) for pair in sorted(pairs)])
        _add_to_total(CustomUser, users)
        _add_to_total(Movie, movies)


def _add_to_pairs(rows: Sequence[tuple[int, int, int, int]]) -> None:
    execute(
        """
        INSERT INTO watchtime_watchtime AS pair (user_id, movie_id, last_moment, total)
        SELECT user_id, movie_id, last_moment, total FROM {rows} WHERE true
        ON CONFLICT (user_id, movie_id) DO UPDATE SET
            total = pair.total + excluded.total,
            last_moment = CASE WHEN excluded.last_moment > pair.last_moment
                          THEN excluded.last_moment ELSE pair.last_moment END
        """,
        WatchTime,
        ["user_id", "movie_id", "last_moment", "total"],
        rows,
    )


def _add_to_total(model: type[CustomUser] | type[Movie], seconds: Mapping[int, int]) -> None:
    table = model._meta.db_table
    batch = "{rows}"
    if connection.features.has_select_for_no_key_update:  # an UPDATE takes its locks in no order of its own
        batch = (
            f"(SELECT id, batch.total_watch_time FROM {table} JOIN {{rows}} USING (id) "
            f"ORDER BY id FOR NO KEY UPDATE OF {table}) AS batch"
        )
    execute(
        f"UPDATE {table} SET total_watch_time = {table}.total_watch_time + batch.total_watch_time "
        f"FROM {batch} WHERE {table}.id = batch.id",
        model,
        ["id", "total_watch_time"],
        sorted(seconds.items()),
    )
