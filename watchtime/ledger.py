"""The totals against the ledger that they derive from: where they differ, and how to make them anew."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from django.db import connection, transaction

# Each side of a difference is 0 or -1 where that side has no row.
PAIRS = """
    SELECT username || ' / ' || slug, SUM(total), SUM(watched), MAX(last_moment), MAX(reached)
    FROM (
        SELECT user_id, movie_id, total, 0 AS watched, last_moment, -1 AS reached FROM watchtime_watchtime
        UNION ALL
        SELECT user_id, movie_id, 0, at - start, -1, at FROM watchtime_event
    ) AS sides
    JOIN watchtime_customuser viewer ON viewer.id = user_id
    JOIN watchtime_movie movie ON movie.id = movie_id
    GROUP BY username, slug
    HAVING SUM(total) <> SUM(watched) OR MAX(last_moment) <> MAX(reached)
"""
ONE_SIDE = """
    SELECT {name}, SUM(stored), SUM(watched)
    FROM (
        SELECT id, total_watch_time AS stored, 0 AS watched FROM {table}
        UNION ALL
        SELECT {key}, 0, at - start FROM watchtime_event
    ) AS sides
    JOIN {table} USING (id)
    GROUP BY {name}
    HAVING SUM(stored) <> SUM(watched)
"""
COMPARISONS: Mapping[str, str] = {
    "pair": PAIRS,
    "viewer": ONE_SIDE.format(table="watchtime_customuser", key="user_id", name="username"),
    "movie": ONE_SIDE.format(table="watchtime_movie", key="movie_id", name="slug"),
}

REBUILD_STEPS = (
    "DELETE FROM watchtime_watchtime WHERE NOT EXISTS (SELECT 1 FROM watchtime_event "
    "WHERE watchtime_event.user_id = watchtime_watchtime.user_id "
    "AND watchtime_event.movie_id = watchtime_watchtime.movie_id)",
    "INSERT INTO watchtime_watchtime (user_id, movie_id, last_moment, total) "
    "SELECT user_id, movie_id, MAX(at), SUM(at - start) FROM watchtime_event WHERE true GROUP BY user_id, movie_id "
    "ON CONFLICT (user_id, movie_id) DO UPDATE SET last_moment = excluded.last_moment, total = excluded.total",
    "UPDATE watchtime_customuser SET total_watch_time = COALESCE((SELECT SUM(total) FROM watchtime_watchtime "
    "WHERE user_id = watchtime_customuser.id), 0)",
    "UPDATE watchtime_movie SET total_watch_time = COALESCE((SELECT SUM(total) FROM watchtime_watchtime "
    "WHERE movie_id = watchtime_movie.id), 0)",
)


class Difference(NamedTuple):
    """A total that is not what the ledger says: seconds, and for a pair the last moment behind them."""

    kind: str
    name: str
    stored: tuple[int, ...]
    ledger: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: stored {self.stored}, by the ledger {self.ledger}"


def differences(kind: str) -> Iterator[Difference]:
    """Yield where the totals of "pair", "viewer" or "movie" differ from the ledger, as of one moment."""
    with connection.cursor() as cursor:
        cursor.execute(COMPARISONS[kind])
        for name, *values in cursor:
            numbers = [int(value) for value in values]
            yield Difference(kind, name, tuple(numbers[::2]), tuple(numbers[1::2]))


def rebuild() -> Iterator[None]:
    """Make every total anew from the ledger, in one transaction; yield after each of its steps.

    Consumers wait meanwhile. Nothing is changed unless the iteration is finished.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # SQLite lets nobody else write anyway
            cursor.execute("LOCK TABLE watchtime_event IN SHARE ROW EXCLUSIVE MODE")
        for statement in REBUILD_STEPS:
            cursor.execute(statement)
            yield
