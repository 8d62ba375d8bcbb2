"""Rows of values as one statement's table: what was written, and what was already there."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from watchtime.models import Event, MovieQuarter
from watchtime.rows import insert_new, write

pytestmark = pytest.mark.django_db

COLUMNS = ("user_id", "event_id", "movie_id", "start", "at", "positional", "occurred_at", "received_at")
INSERT = (
    f"INSERT INTO watchtime_event ({', '.join(COLUMNS)}) SELECT {', '.join(COLUMNS)} FROM {{rows}} WHERE true "
    "ON CONFLICT (user_id, event_id) DO NOTHING"
)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def row(number: int, time: datetime = NOON) -> tuple[object, ...]:
    return 1, UUID(int=number), 2, 0, 10, True, time, NOON


def insert(numbers: list[int]) -> list[tuple[object, ...]] | None:
    return insert_new(INSERT, Event, COLUMNS, [row(number) for number in numbers], ["user_id", "event_id"])


def test_of_rows_that_are_all_new_none_is_returned() -> None:
    assert insert([3, 1, 2]) is None
    assert insert([5]) is None
    assert Event.objects.count() == 4


def test_of_others_only_the_new_ones_are_returned() -> None:
    insert([2, 4])
    made = insert([1, 2, 3, 4, 5])
    assert made is not None
    assert sorted(made) == [(1, UUID(int=number)) for number in (1, 3, 5)]


def test_where_no_row_is_new_nothing_is_returned() -> None:
    insert([1, 2])
    assert insert([2, 1]) == []
    assert Event.objects.count() == 2


def test_times_are_stored_in_utc_whatever_their_offset() -> None:
    zone = timezone(timedelta(hours=5, minutes=45))
    times = [NOON, NOON + timedelta(microseconds=5), NOON.astimezone(zone) + timedelta(days=1)]
    insert_new(INSERT, Event, COLUMNS, [row(number, time) for number, time in enumerate(times)], ["event_id"])
    assert list(Event.objects.order_by("event_id").values_list("occurred_at", flat=True)) == times
    assert Event.objects.filter(occurred_at__lte=NOON).count() == 1


def test_how_many_rows_were_written() -> None:
    columns = ["movie_id", "period", "seconds", "events"]
    insert = "INSERT INTO watchtime_moviequarter (movie_id, period, seconds, events) SELECT * FROM {rows} WHERE true"
    update = (
        "UPDATE watchtime_moviequarter AS stored SET seconds = stored.seconds + batch.seconds FROM {rows} "
        "WHERE stored.movie_id = batch.movie_id AND stored.period = batch.period"
    )
    assert write(insert, MovieQuarter, columns, [(1, 1, 10, 1), (1, 2, 20, 1), (2, 1, 30, 1)]) == 3
    assert write(update, MovieQuarter, columns[:3], [(1, 2, 5), (1, 3, 5)]) == 1
    assert write(update, MovieQuarter, columns[:3], []) == 0
    assert sorted(MovieQuarter.objects.values_list("seconds", flat=True)) == [10, 25, 30]
