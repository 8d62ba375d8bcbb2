"""Watch time over time, held to sums over the list of events."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from watchtime.events import WatchEvent
from watchtime.fold import fold
from watchtime.intervals import Interval, InvalidWindow, intervals
from watchtime.models import CustomUser, Movie
from watchtime.pruning import prune
from watchtime.series import movie_series, top_movies, viewer_series, whole_series

START = datetime(2026, 3, 20, tzinfo=UTC)
DAY = timedelta(days=1)


def some_events(seed: int) -> list[WatchEvent]:
    """Make events of three viewers and three movies over twelve days."""
    random = Random(seed)
    return [
        WatchEvent(
            id=UUID(int=number),
            user=f"viewer-{random.randrange(3)}",
            slug=f"movie-{random.randrange(3)}",
            start=(start := random.randrange(3_000)),
            at=start + random.randrange(600),
            occurred_at=START + timedelta(seconds=random.randrange(12 * 86_400)),
        )
        for number in range(400)
    ]


def sums(events: list[WatchEvent], bounds: list[datetime]) -> list[tuple[int, int]]:
    """Return seconds and events between two bounds each, found one by one."""
    return [
        (sum(e.at - e.start for e in part), len(part))
        for start, end in pairwise(bounds)
        for part in [[e for e in events if start <= e.occurred_at < end]]
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York"])
@pytest.mark.parametrize("interval", [Interval.HOUR, Interval.DAY, Interval.WEEK, Interval.MONTH])
def test_a_series_is_the_sums_of_its_events(zone: str, interval: Interval) -> None:
    events = some_events(1)
    fold(events)
    window = START + timedelta(hours=7, minutes=3), START + timedelta(days=11, hours=2, minutes=50, seconds=1)
    bounds = intervals(*window, interval, zone).bounds
    movie, viewer = Movie.objects.get(slug="movie-1"), CustomUser.objects.get(username="viewer-2")
    assert movie_series(movie, bounds) == sums([e for e in events if e.slug == "movie-1"], bounds)
    assert viewer_series(viewer, bounds) == sums([e for e in events if e.user == "viewer-2"], bounds)


PRUNED_BEFORE = START + timedelta(days=6, minutes=7)  # within a quarter of an hour


def as_known(event: WatchEvent) -> WatchEvent:
    """Return an event as it is known after pruning: one that was pruned, by the beginning of its quarter."""
    if event.occurred_at >= PRUNED_BEFORE:
        return event
    quarter = (event.occurred_at - START) // timedelta(minutes=15)
    return event.model_copy(update={"occurred_at": START + quarter * timedelta(minutes=15)})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("minutes", [0, 1, 7, 14, 15, 16, 60, 6 * 24 * 60 + 3, 6 * 24 * 60 + 7])
def test_pruned_events_count_where_their_quarter_begins(minutes: int) -> None:
    """So windows that follow each other add up, wherever they cut a quarter of an hour."""
    events = some_events(3)
    fold(events)
    assert sum(prune(PRUNED_BEFORE)) > 100
    known = [as_known(event) for event in events]
    cut = START + timedelta(minutes=minutes)
    bounds = [START - timedelta(days=1), cut, cut + timedelta(minutes=4), cut + timedelta(hours=5), START + 12 * DAY]
    movie, viewer = Movie.objects.get(slug="movie-1"), CustomUser.objects.get(username="viewer-2")
    assert movie_series(movie, bounds) == sums([e for e in known if e.slug == "movie-1"], bounds)
    assert viewer_series(viewer, bounds) == sums([e for e in known if e.user == "viewer-2"], bounds)
    assert whole_series(bounds) == sums(known, bounds)
    for since, until in pairwise(bounds):
        within = [e for e in known if e.slug == "movie-1" and since <= e.occurred_at < until]
        found = {movie.slug: seconds for movie, seconds in top_movies(since, until, 3)}
        assert found.get("movie-1", 0) == sum(e.at - e.start for e in within)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 12 * 86_400), (3_600, 7_200), (901, 1_700), (1_000, 5 * 86_400 + 17), (86_400, 2 * 86_400), (5, 5), (9, 2)],
)
def test_the_top_movies_are_those_of_the_window(start: int, end: int) -> None:
    events = some_events(2)
    fold(events)
    since, until = START + timedelta(seconds=start), START + timedelta(seconds=end)
    watched: dict[str, int] = {}
    for event in events:
        if since <= event.occurred_at < until and event.at > event.start:
            watched[event.slug] = watched.get(event.slug, 0) + event.at - event.start
    found = [(movie.slug, seconds) for movie, seconds in top_movies(since, until, 2)]
    assert found == sorted(watched.items(), key=lambda item: -item[1])[:2]


def test_a_day_of_summer_time_has_23_or_25_hours() -> None:
    def lengths(month: int, day: int) -> list[float]:
        berlin = ZoneInfo("Europe/Berlin")
        window = (datetime(2026, month, day + n, tzinfo=berlin).astimezone(UTC) for n in (0, 3))
        bounds = intervals(*window, Interval.DAY, "Europe/Berlin").bounds
        return [(end - start) / timedelta(hours=1) for start, end in pairwise(bounds)]

    assert lengths(3, 28) == [24, 23, 24]
    assert lengths(10, 24) == [24, 25, 24]


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    window = datetime(2026, 3, 4, 12, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC)
    weeks = intervals(*window, Interval.WEEK, "Asia/Kathmandu")
    assert weeks.starts[0] == datetime(2026, 3, 1, 18, 15, tzinfo=UTC)
    assert weeks.bounds[0] == window[0]
    assert len(weeks.starts) == 5
    assert intervals(*window, Interval.MONTH, "UTC").starts == [
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 4, 1, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("start", "end", "zone", "message"),
    [
        (START, START - timedelta(seconds=1), "UTC", "before from"),
        (START, START + timedelta(days=1), "Mars/Olympus", "IANA"),
        (START, START + timedelta(days=1), "../etc/passwd", "IANA"),
        (START, START + timedelta(days=1_001), "UTC", "1,000"),
        (datetime(9999, 12, 30, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC), "UTC", "year"),
    ],
)
def test_windows_that_cannot_be_meant_are_refused(start: datetime, end: datetime, zone: str, message: str) -> None:
    with pytest.raises(InvalidWindow, match=message):
        intervals(start, end, Interval.DAY, zone)


def test_a_thousand_intervals_are_taken() -> None:
    assert len(intervals(START, START + timedelta(days=1_000), Interval.DAY, "UTC").starts) == 1_000
