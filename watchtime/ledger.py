"""Compares everything that derives from the ledger with it, and recomputes it.

Both go through the ledger movie by movie, and hold the numbers of one movie at a time.
"""

import heapq
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from django.db import connection, transaction

from watchtime.aggregates import Aggregates, Curve, Entry, Pair, PairKey
from watchtime.coverage import decode_numbers
from watchtime.fold import add_to_blocks, add_to_periods
from watchtime.models import (
    BLOCK_SECONDS,
    CustomUser,
    Event,
    Movie,
    MovieBlock,
    MovieDay,
    MovieQuarter,
    RebuildDue,
    WatchTime,
)
from watchtime.pruning import base_of, lock_ledger
from watchtime.rows import merge_rows, replacing

READ_AT_ONCE = 5_000  # rows
STORED_AT_ONCE = 1_000  # pairs

VIEWERS = """
    SELECT username, SUM(stored), SUM(watched)
    FROM (
        SELECT id, total_watch_time AS stored, 0 AS watched FROM watchtime_customuser
        UNION ALL
        SELECT user_id, 0, at - start FROM watchtime_event
        UNION ALL
        SELECT user_id, 0, total FROM watchtime_prunedpair
    ) AS sides
    JOIN watchtime_customuser USING (id)
    GROUP BY username
    HAVING SUM(stored) <> SUM(watched)
"""
EMPTY = (
    "DELETE FROM watchtime_watchtime WHERE NOT EXISTS (SELECT 1 FROM watchtime_event "
    "WHERE watchtime_event.user_id = watchtime_watchtime.user_id "
    "AND watchtime_event.movie_id = watchtime_watchtime.movie_id) "
    "AND NOT EXISTS (SELECT 1 FROM watchtime_prunedpair "
    "WHERE watchtime_prunedpair.user_id = watchtime_watchtime.user_id "
    "AND watchtime_prunedpair.movie_id = watchtime_watchtime.movie_id)",
    "DELETE FROM watchtime_movieblock",
    "DELETE FROM watchtime_moviequarter",
    "DELETE FROM watchtime_movieday",
)
SUM_UP = (
    "UPDATE watchtime_customuser SET total_watch_time = COALESCE((SELECT SUM(total) FROM watchtime_watchtime "
    "WHERE user_id = watchtime_customuser.id), 0)",
    "UPDATE watchtime_movie SET total_watch_time = COALESCE((SELECT SUM(total) FROM watchtime_watchtime "
    "WHERE movie_id = watchtime_movie.id), 0)",
)
Key = tuple[int, int]  # a movie's id, and a moment or the number of a period
Left = TypeVar("Left")
Right = TypeVar("Right")


class Difference(NamedTuple):
    """A stored number that differs from the ledger's. None stands for a row that is missing on that side."""

    kind: str
    name: str
    what: str
    stored: object
    ledger: object

    def __str__(self) -> str:
        stored, ledger = reprlib.repr(self.stored), reprlib.repr(self.ledger)
        return f"{self.kind} {self.name}: {self.what} is {stored}, by the ledger {ledger}"


def count_steps() -> int:
    """Return how many items `verify` and `rebuild` yield: one a movie, and one for all viewers."""
    return Movie.objects.count() + 1


def verify() -> Iterator[list[Difference]]:
    """Compare everything that derives from the ledger with it, as of one moment; yield what differs, step by step.

    Consumers go on meanwhile.
    """
    with _snapshot():
        for movie in Movie.objects.order_by("pk"):
            yield [*_compare_movie(movie)]
        with connection.cursor() as cursor:
            cursor.execute(VIEWERS)
            yield [
                Difference("viewer", name, "total_watch_time", int(stored), int(watched))
                for name, stored, watched in cursor
            ]


def rebuild() -> Iterator[None]:
    """Recompute everything that derives from the ledger, in one transaction; yield after each step.

    Consumers wait meanwhile. Nothing is changed unless the iteration is finished.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        lock_ledger()
        for statement in EMPTY:
            cursor.execute(statement)
        for pk in Movie.objects.order_by("pk").values_list("pk", flat=True):
            _store_movie(pk)
            yield
        for statement in SUM_UP:
            cursor.execute(statement)
        RebuildDue.objects.all().delete()
        yield


@contextmanager
def _snapshot() -> Iterator[None]:
    """Have all reads of the block see the database as of one moment, and lock nobody out."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")  # Django's own would take the lock of the one writer
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")


def _replay(movie_id: int, aggregates: Aggregates) -> Iterator[tuple[int, Pair]]:
    """Yield the viewers of a movie in the order of their ids, and what each watched; add the rest to `aggregates`.

    Pruned events are in it, by what they add up to.
    """
    rows = Event.objects.filter(movie=movie_id).order_by("user_id").values_list(*Entry._fields)
    entries = (Entry(*row) for row in rows.iterator(READ_AT_ONCE))
    viewers = ((user_id, [*events]) for user_id, events in groupby(entries, lambda entry: entry.user_id))
    for user_id, events, base in _side_by_side(viewers, base_of(movie_id, READ_AT_ONCE)):
        for entry in events or ():
            aggregates.add(entry)
        if base:
            aggregates.merge(base)
        yield user_id, aggregates.pairs.pop((user_id, movie_id))


def _compare_movie(movie: Movie) -> Iterator[Difference]:
    """Yield what differs of a movie: its pairs, its total, its curves and its periods."""
    aggregates, viewers, total = Aggregates(), Curve(), 0
    for user_id, pair, row in _side_by_side(_replay(movie.pk, aggregates), _stored_pairs(movie)):
        if pair:
            total += pair.total
            viewers.add_coverage(movie.pk, pair.coverage)
        if row != (ledger := pair.row() if pair else None):
            name = CustomUser.objects.values_list("username", flat=True).get(pk=user_id)
            yield from _compare("pair", f"{name} / {movie.slug}", Pair.COLUMNS, row, ledger)
    yield from _compare("movie", movie.slug, ["total_watch_time"], [movie.total_watch_time], [total])
    for name, curve in (("views", aggregates.views), ("viewers", viewers)):
        yield from _compare_rows(movie, name, _stored_edges(movie, name), curve.edges())
    for model, name, periods in (
        (MovieQuarter, "quarter", aggregates.quarters),
        (MovieDay, "day", aggregates.days()),
    ):
        rows = model.objects.filter(movie=movie).values_list("movie_id", "period", "seconds", "events")
        found = {(movie_id, period): tuple(numbers) for movie_id, period, *numbers in rows.iterator(READ_AT_ONCE)}
        yield from _compare_rows(movie, name, found, periods)


def _stored_pairs(movie: Movie) -> Iterator[tuple[int, tuple[Any, ...]]]:
    rows = WatchTime.objects.filter(movie=movie).order_by("user_id").values_list("user_id", *Pair.COLUMNS)
    return ((user_id, tuple(row)) for user_id, *row in rows.iterator(READ_AT_ONCE))


def _stored_edges(movie: Movie, name: str) -> Mapping[Key, int]:
    """Return the numbers of a curve that are not 0, by movie and moment."""
    rows = MovieBlock.objects.filter(movie=movie).values_list("block", name)
    return {
        (movie.pk, block * BLOCK_SECONDS + position): number
        for block, stored in rows
        for position, number in enumerate(decode_numbers(stored, BLOCK_SECONDS))
        if number
    }


def _side_by_side(
    left: Iterable[tuple[int, Left]], right: Iterable[tuple[int, Right]]
) -> Iterator[tuple[int, Left | None, Right | None]]:
    """Yield each key of two iterables that are sorted by key, and what either has there."""
    merged = heapq.merge(
        ((key, 0, value) for key, value in left), ((key, 1, value) for key, value in right), key=itemgetter(0)
    )
    for key, items in groupby(merged, lambda item: item[0]):
        sides: dict[int, Any] = {side: value for _, side, value in items}
        yield key, sides.get(0), sides.get(1)


def _compare_rows(
    movie: Movie, what: str, stored: Mapping[Key, object], ledger: Mapping[Key, object]
) -> Iterator[Difference]:
    for key in sorted(stored.keys() | ledger.keys()):
        yield from _compare("movie", movie.slug, [f"{what} {key[1]}"], [stored.get(key)], [ledger.get(key)])


def _compare(
    kind: str, name: str, columns: Sequence[str], stored: Sequence[Any] | None, ledger: Sequence[Any] | None
) -> Iterator[Difference]:
    """Yield the columns that differ; of a row that is on one side only, the first."""
    if stored is None or ledger is None:
        yield Difference(kind, name, columns[0], stored and stored[0], ledger and ledger[0])
        return
    for what, left, right in zip(columns, stored, ledger, strict=True):
        if left != right:
            yield Difference(kind, name, what, left, right)


def _store_movie(movie_id: int) -> None:
    aggregates, viewers = Aggregates(), Curve()
    pairs: dict[PairKey, Pair] = {}
    for user_id, pair in _replay(movie_id, aggregates):
        pairs[user_id, movie_id] = pair
        viewers.add_coverage(movie_id, pair.coverage)
        if len(pairs) == STORED_AT_ONCE:
            _store_pairs(pairs)
    _store_pairs(pairs)
    add_to_blocks(aggregates.views, viewers)
    add_to_periods(MovieQuarter, aggregates.quarters)
    add_to_periods(MovieDay, aggregates.days())


def _store_pairs(pairs: dict[PairKey, Pair]) -> None:
    writes = replacing(Pair.COLUMNS)
    merge_rows(WatchTime, ["user_id", "movie_id"], [], writes, pairs, lambda key, _row: pairs[key].row())
    pairs.clear()
