"""Everything that is held of a viewer, as rows that say what they are."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.db.models import QuerySet

from watchtime.models import CustomUser, Event, PrunedKey, PrunedPair, PrunedQuarter, WatchTime

READ_AT_ONCE = 2_000  # rows
Row = dict[str, Any]


def _event(row: Any) -> Row:
    return {
        "id": row.event_id,
        "slug": row.movie.slug,
        "start": row.start,
        "at": row.at,
        "positional": row.positional,
        "occurred_at": row.occurred_at,
        "received_at": row.received_at,
    }


def _watch_time(row: Any) -> Row:
    return {
        "slug": row.movie.slug,
        "total_watch_time": row.total,
        "last_moment": row.last_moment,
        "unique_seconds": row.unique_seconds,
        "coverage": row.stretches,
        "resume_moment": row.resume_moment,
        "watched_at": row.watched_at,
    }


def _pruned_pair(row: Any) -> Row:
    return {
        "slug": row.movie.slug,
        "total_watch_time": row.total,
        "last_moment": row.last_moment,
        "unique_seconds": row.unique_seconds,
        "watched_at": row.watched_at,
    }


def _pruned_quarter(row: Any) -> Row:
    return {"slug": row.movie.slug, "quarter": row.period, "seconds": row.seconds, "events": row.events}


def _pruned_key(row: Any) -> Row:
    return {"id": row.event_id}


# The tables, and what is written of their rows. Those of pruned events have what is kept of events that are gone.
KINDS: Mapping[str, tuple[Any, tuple[str, ...], Callable[[Any], Row]]] = {
    "watch_time": (WatchTime, ("movie",), _watch_time),
    "event": (Event, ("movie",), _event),
    "pruned_watch_time": (PrunedPair, ("movie",), _pruned_pair),
    "pruned_quarter": (PrunedQuarter, ("movie",), _pruned_quarter),
    "pruned_event": (PrunedKey, (), _pruned_key),
}


def count(viewer: CustomUser) -> int:
    """Return how many rows `export` yields."""
    return 1 + sum(_rows(kind, viewer).count() for kind in KINDS)


def export(viewer: CustomUser) -> Iterator[Row]:
    """Yield what is held of a viewer."""
    yield {"type": "viewer", "username": viewer.username, "total_watch_time": viewer.total_watch_time}
    for kind, (_, _, describe) in KINDS.items():
        for row in _rows(kind, viewer).iterator(READ_AT_ONCE):
            yield {"type": kind, **describe(row)}


def _rows(kind: str, viewer: CustomUser) -> "QuerySet[Any]":
    model, related, _ = KINDS[kind]
    rows: QuerySet[Any] = model.objects.filter(user=viewer).order_by("pk")
    return rows.select_related(*related) if related else rows
