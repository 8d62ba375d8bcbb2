"""Watch time over time: of a movie, of a viewer, and the movies that were watched most in a window.

A movie's days and quarters of an hour are kept by the fold, so whole ones are one row each. Only what is left at the
ends of a window that begins or ends within a quarter is read from the ledger. Of events that were pruned from it only
the quarter is known: they count where that begins, for viewers and for movies, so that windows that follow each other
add up to what was watched.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from django.db import connection

from watchtime.models import (
    DAY_SECONDS,
    EPOCH,
    QUARTER_SECONDS,
    CustomUser,
    Event,
    Movie,
    MovieDay,
    MovieQuarter,
    PrunedQuarter,
)
from watchtime.replica import read_connection
from watchtime.rows import execute
from watchtime.shared import SharedByKey

QUARTER = timedelta(seconds=QUARTER_SECONDS)
WHOLE_SERIES = 64  # windows of all movies whose series a process keeps
FRESH = 0.5  # seconds that such a series is good for
QUARTERS_A_DAY = DAY_SECONDS // QUARTER_SECONDS


class Watched(NamedTuple):
    """Seconds watched, and the number of events that told of them."""

    seconds: int
    events: int


class Span(NamedTuple):
    """A part of interval number `interval`, from `start` on and before `end`: moments, or numbers of periods."""

    interval: int
    start: Any
    end: Any


class Spans(NamedTuple):
    """Intervals taken apart: whole days of UTC, whole quarters of an hour, and what is shorter.

    `begun` are the quarters that begin in what is shorter, and end later.
    """

    days: list[Span]
    quarters: list[Span]
    moments: list[Span]
    begun: list[Span]


def movie_series(movie: Movie, bounds: Sequence[datetime]) -> list[Watched]:
    """Return what was watched of a movie in each interval, from one bound on and before the next."""
    return _movie_sums(movie.pk, bounds)


def whole_series(bounds: Sequence[datetime]) -> list[Watched]:
    """Return what was watched of all movies in each interval, from one bound on and before the next.

    Half a second old at most, or fifty times what it takes to read: that is a row for each movie and day, and for
    each movie and quarter of an hour where a day of UTC is not whole.
    """
    return _whole.get(tuple(bounds), lambda: _read_whole_series(bounds))


def _read_whole_series(bounds: Sequence[datetime]) -> list[Watched]:
    return _movie_sums(None, bounds)


def _movie_sums(pk: int | None, bounds: Sequence[datetime]) -> list[Watched]:
    """Return what was watched of a movie, or of all, in each interval."""
    spans = _take_apart(bounds)
    parts = [
        *_sums_of_periods(MovieDay, "movie_id", pk, spans.days),
        *_sums_of_periods(MovieQuarter, "movie_id", pk, spans.quarters),
        *_sums_of_events("movie_id", pk, spans.moments),
        *_sums_of_pruned(pk, spans.begun),
    ]
    return _added_up(parts, len(bounds) - 1)


def viewer_series(viewer: CustomUser, bounds: Sequence[datetime]) -> list[Watched]:
    """Return what a viewer watched in each interval, from one bound on and before the next.

    Reads the viewer's events of these intervals.
    """
    spans = [Span(number, start, end) for number, (start, end) in enumerate(pairwise(bounds))]
    quarters = [Span(number, _quarters_until(start), _quarters_until(end)) for number, start, end in spans]
    parts = [
        *_sums_of_events("user_id", viewer.pk, spans),
        *_sums_of_periods(PrunedQuarter, "user_id", viewer.pk, quarters),
    ]
    return _added_up(parts, len(bounds) - 1)


def _quarters_until(time: datetime) -> int:
    """Return how many quarters of an hour after 1970 began before a time."""
    return -((EPOCH - time) // QUARTER)


def top_movies(start: datetime, end: datetime, limit: int) -> list[tuple[Movie, int]]:
    """Return the movies most watched from `start` on and before `end` with their seconds, the most watched first."""
    if end <= start:
        return []
    spans = _take_apart([start, end])
    parts = [
        *_parts("SELECT movie_id, seconds FROM watchtime_movieday WHERE period >= %s AND period < %s", spans.days),
        *_parts(
            "SELECT movie_id, seconds FROM watchtime_moviequarter WHERE period >= %s AND period < %s", spans.quarters
        ),
        *_parts(
            "SELECT movie_id, at - start AS seconds FROM watchtime_event WHERE occurred_at >= %s AND occurred_at < %s",
            spans.moments,
        ),
        *_parts("SELECT movie_id, seconds FROM watchtime_moviequarter WHERE period >= %s AND period < %s", spans.begun),
        *_parts(
            "SELECT movie_id, start - at AS seconds FROM watchtime_event WHERE occurred_at >= %s AND occurred_at < %s",
            [Span(interval, *_moments_of(first, past)) for interval, first, past in spans.begun],
        ),
    ]
    statement = f"""
        SELECT movie_id, SUM(seconds) FROM ({" UNION ALL ".join(sql for sql, _ in parts)}) AS part
        GROUP BY movie_id HAVING SUM(seconds) > 0 ORDER BY SUM(seconds) DESC, movie_id DESC LIMIT %s
    """
    with read_connection().cursor() as cursor:
        cursor.execute(statement, [*(bound for _, bounds in parts for bound in bounds), limit])
        sums = dict(cursor.fetchall())
    movies = Movie.objects.in_bulk(sums)
    return [(movies[pk], int(seconds)) for pk, seconds in sums.items() if pk in movies]


def _moments_of(first: int, past: int) -> tuple[datetime, datetime]:
    """Return when quarter `first` begins, and when quarter `past` does."""
    return EPOCH + first * QUARTER, EPOCH + past * QUARTER


def _parts(sql: str, spans: Sequence[Span]) -> Iterator[tuple[str, list[Any]]]:
    """Yield the statement for each span, with the values of its bounds."""
    adapt = connection.ops.adapt_datetimefield_value
    for span in spans:
        yield sql, [adapt(bound) if isinstance(bound, datetime) else bound for bound in span[1:]]


def _take_apart(bounds: Sequence[datetime]) -> Spans:
    """Return the whole days of UTC and the whole quarters between two bounds each, and what is left of time."""
    spans = Spans([], [], [], [])
    for interval, (start, end) in enumerate(pairwise(bounds)):
        first, last = _quarters_until(start), (end - EPOCH) // QUARTER
        if first > last:
            spans.moments.append(Span(interval, start, end))
            continue
        _append(spans.moments, Span(interval, start, EPOCH + first * QUARTER))
        if EPOCH + last * QUARTER < end:
            spans.moments.append(Span(interval, EPOCH + last * QUARTER, end))
            spans.begun.append(Span(interval, last, last + 1))
        first_day, last_day = -(-first // QUARTERS_A_DAY), last // QUARTERS_A_DAY
        if first_day >= last_day:
            _append(spans.quarters, Span(interval, first, last))
            continue
        _append(spans.quarters, Span(interval, first, first_day * QUARTERS_A_DAY))
        spans.days.append(Span(interval, first_day, last_day))
        _append(spans.quarters, Span(interval, last_day * QUARTERS_A_DAY, last))
    return spans


def _append(spans: list[Span], span: Span) -> None:
    if span.start < span.end:
        spans.append(span)


def _sums_of_periods(
    model: type[MovieDay | MovieQuarter | PrunedQuarter], owner: str, pk: int | None, spans: Sequence[Span]
) -> list[tuple[int, int, int]]:
    """Return the number of the interval, the seconds and the events of each span.

    The column `owner` must be `pk`; for None, all rows count.
    """
    stored = f"FROM {model._meta.db_table} WHERE {_owned(owner, pk)}period >= first AND period < past"
    return _sums(
        f"SELECT seconds AS interval, {owner}, period AS first, events AS past FROM {{rows}}",
        f"(SELECT SUM(seconds) {stored}), (SELECT SUM(events) {stored})",
        model,
        ["seconds", owner, "period", "events"],
        [(span.interval, pk or 0, span.start, span.end) for span in spans],
    )


def _sums_of_events(owner: str, pk: int | None, spans: Sequence[Span]) -> list[tuple[int, int, int]]:
    """Return the same of the ledger."""
    ledger = f"FROM watchtime_event WHERE {_owned(owner, pk)}occurred_at >= first AND occurred_at < past"
    return _sums(
        f"SELECT id AS interval, {owner}, occurred_at AS first, received_at AS past FROM {{rows}}",
        f"(SELECT SUM(at - start) {ledger}), (SELECT COUNT(*) {ledger})",
        Event,
        ["id", owner, "occurred_at", "received_at"],
        [(span.interval, pk or 0, span.start, span.end) for span in spans],
    )


def _sums_of_pruned(pk: int | None, quarters: Sequence[Span]) -> list[tuple[int, int, int]]:
    """Return the same of what was pruned of quarters: what each quarter's rows have more than the ledger.

    One statement, so that an event that is counted meanwhile is in both, or in neither.
    """
    stored = f"FROM watchtime_moviequarter WHERE {_owned('movie_id', pk)}period = span.number"
    ledger = f"FROM watchtime_event WHERE {_owned('movie_id', pk)}occurred_at >= first AND occurred_at < past"
    return _sums(
        "SELECT id AS interval, movie_id, at AS number, occurred_at AS first, received_at AS past FROM {rows}",
        f"COALESCE((SELECT SUM(seconds) {stored}), 0) - COALESCE((SELECT SUM(at - start) {ledger}), 0), "
        f"COALESCE((SELECT SUM(events) {stored}), 0) - (SELECT COUNT(*) {ledger})",
        Event,
        ["id", "movie_id", "at", "occurred_at", "received_at"],
        [(interval, pk or 0, first, *_moments_of(first, past)) for interval, first, past in quarters],
    )


def _owned(owner: str, pk: int | None) -> str:
    return "" if pk is None else f"{owner} = span.{owner} AND "


def _sums(
    spans: str,
    sums: str,
    model: type[Event | MovieDay | MovieQuarter | PrunedQuarter],
    columns: Sequence[str],
    rows: Sequence[Any],
) -> list[tuple[int, int, int]]:
    # Subqueries, because each is a search of an index; for a join, a database may read all rows for all spans.
    statement = f"SELECT interval, {sums} FROM ({spans}) AS span"
    found = execute(statement, model, columns, rows, using=read_connection())
    return [(interval, int(seconds or 0), int(events or 0)) for interval, seconds, events in found]


def _added_up(parts: Sequence[tuple[int, int, int]], count: int) -> list[Watched]:
    sums = [(0, 0)] * count
    for interval, seconds, events in parts:
        sums[interval] = sums[interval][0] + seconds, sums[interval][1] + events
    return [Watched(*each) for each in sums]


_whole: SharedByKey[list[Watched]] = SharedByKey(WHOLE_SERIES, FRESH)
