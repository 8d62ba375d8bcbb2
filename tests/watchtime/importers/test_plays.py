"""Plays become pieces: every second once, each piece in one quarter of an hour of the clock."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtime.importers.errors import LeftOut
from watchtime.importers.plays import Mark, Play
from watchtime.importers.rows import Place, Row
from watchtime.models import MAX_MOMENT

PLACE = Place("line", 1)
MIDNIGHT = datetime(2026, 1, 2, tzinfo=UTC)


def play(**fields: object) -> Row:
    defaults = {"key": ("test",), "viewer": "anna", "title": "Alien", "begins": MIDNIGHT, "seconds": 60}
    return Play(**{**defaults, **fields}).row(PLACE)  # type: ignore[arg-type]


def stretches(row: Row) -> list[tuple[int, int, bool]]:
    return [(event.start, event.at, event.positional) for event in row.events]


def quarter(moment: datetime) -> int:
    return int(moment.timestamp() // 900)


@given(
    begins=st.datetimes(datetime(2020, 1, 1), datetime(2020, 12, 31)).map(lambda time: time.replace(tzinfo=UTC)),
    seconds=st.integers(1, MAX_MOMENT),
    until=st.none() | st.integers(0, 2 * MAX_MOMENT),
)
def test_each_second_of_a_play_counts_once_in_its_quarter(begins: datetime, seconds: int, until: int | None) -> None:
    row = play(begins=begins, seconds=seconds, until=until)
    counted: Counter[int] = Counter()
    for event in row.events:
        counted[quarter(event.occurred_at)] += event.at - event.start
    ends = begins + timedelta(seconds=seconds)
    for number in range(quarter(begins), quarter(ends) + 1):
        begin, end = max(number * 900, begins.timestamp()), min((number + 1) * 900, ends.timestamp())
        assert abs(counted[number] - (end - begin)) <= 1
    assert counted.total() == seconds
    assert len({event.id for event in row.events}) == len(row.events)


@given(seconds=st.integers(1, MAX_MOMENT), until=st.integers(0, 2 * MAX_MOMENT))
def test_the_moments_are_the_last_ones_before_until(seconds: int, until: int) -> None:
    known = [event for event in play(seconds=seconds, until=until).events if event.positional]
    first, last = max(0, until - seconds), min(until, MAX_MOMENT)
    assert [event.start for event in known] + [last] == [first, *(event.at for event in known)] or not known
    assert sum(event.at - event.start for event in known) == max(0, last - first)


def test_a_play_over_midnight() -> None:
    row = play(begins=MIDNIGHT - timedelta(minutes=10), seconds=1800, until=3000)
    assert stretches(row) == [(1200, 1800, True), (1800, 2700, True), (2700, 3000, True)]
    assert [event.occurred_at for event in row.events] == [
        MIDNIGHT - timedelta(minutes=10),
        MIDNIGHT,
        MIDNIGHT + timedelta(minutes=15),
    ]


def test_what_does_not_fit_before_the_bookmark_has_no_position() -> None:
    assert stretches(play(seconds=500, until=200)) == [(0, 300, False), (0, 200, True)]
    assert stretches(play(seconds=500, until=0)) == [(0, 500, False)]
    assert stretches(play(seconds=500)) == [(0, 500, False)]


def test_what_lies_beyond_the_last_moment_has_no_position() -> None:
    assert stretches(play(seconds=500, until=MAX_MOMENT + 200)) == [
        (MAX_MOMENT - 300, MAX_MOMENT, True),
        (0, 200, False),
    ]
    assert stretches(play(seconds=500, until=MAX_MOMENT + 900)) == [(0, 500, False)]


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [(0, "no seconds"), (-(2**31), "negative"), (MAX_MOMENT + 1, "longer than a day")],
)
def test_a_play_that_cannot_be(seconds: int, reason: str) -> None:
    with pytest.raises(LeftOut, match=reason):
        play(seconds=seconds)


def test_ids_stay_what_they_are() -> None:
    """Another id would count again at the next import."""
    row = play(key=("tautulli", 1, "m", 2), seconds=901)
    assert str(row.events[0].id) == "a6627f2f-a6ca-5415-ba65-14a79ec33d76"


def test_the_same_row_of_two_viewers_has_two_ids() -> None:
    assert play().events[0].id != play(viewer="ben").events[0].id


def test_a_mark_has_no_seconds() -> None:
    mark = Mark(("test",), "anna", "Alien", MIDNIGHT)
    assert stretches(mark.row(PLACE)) == [(0, 0, False)]
    assert mark.row(PLACE).mark
    assert stretches(Mark(("test",), "anna", "Alien", MIDNIGHT, moment=300).row(PLACE)) == [(300, 300, True)]
    assert stretches(Mark(("test",), "anna", "Alien", MIDNIGHT, moment=MAX_MOMENT + 1).row(PLACE)) == [(0, 0, False)]
