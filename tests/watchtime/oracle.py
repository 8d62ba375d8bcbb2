"""What a list of events makes of every table, found the slow way: second by second, with nothing of the fold's."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import timedelta
from itertools import accumulate
from typing import Any

from watchtime.coverage import decode_numbers
from watchtime.events import WatchEvent
from watchtime.models import BLOCK_SECONDS, CustomUser, Movie, MovieBlock, MovieDay, MovieQuarter, WatchTime

State = dict[str, Any]
LENGTH = 86_400
QUARTER, DAY = timedelta(minutes=15), timedelta(days=1)


def curves(slug: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the stored views and viewers of each second of a movie, without the zeros at the end."""
    return _curve(slug, "views"), _curve(slug, "viewers")


def _curve(slug: str, name: str) -> tuple[int, ...]:
    changes = [0] * (LENGTH + BLOCK_SECONDS)
    for block, stored in MovieBlock.objects.filter(movie__slug=slug).values_list("block", name):
        changes[block * BLOCK_SECONDS : (block + 1) * BLOCK_SECONDS] = decode_numbers(stored, BLOCK_SECONDS)
    return _without_zeros_at_the_end(list(accumulate(changes)))


def _without_zeros_at_the_end(numbers: list[int]) -> tuple[int, ...]:
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def stored() -> State:
    """Return what the tables hold, by names."""
    return {
        "viewers": dict(CustomUser.objects.values_list("username", "total_watch_time")),
        "movies": dict(Movie.objects.values_list("slug", "total_watch_time")),
        "pairs": {
            (pair.user.username, pair.movie.slug): (
                pair.total,
                pair.last_moment,
                pair.unique_seconds,
                tuple(map(tuple, pair.stretches)),
                pair.resume_moment,
                pair.watched_at,
            )
            for pair in WatchTime.objects.select_related("user", "movie")
        },
        "curves": {slug: curves(slug) for slug in Movie.objects.values_list("slug", flat=True)},
        "quarters": _periods(MovieQuarter),
        "days": _periods(MovieDay),
    }


def _periods(model: type[MovieQuarter] | type[MovieDay]) -> dict[Any, Any]:
    rows = model.objects.values_list("movie__slug", "period", "seconds", "events")
    return {(slug, period): (seconds, events) for slug, period, seconds, events in rows}


def expected(events: Iterable[WatchEvent]) -> State:
    """Return what the tables should hold after these events: of those with one viewer and id, the first counts."""
    by_key: dict[Any, WatchEvent] = {}
    for event in events:
        by_key.setdefault((event.user, event.id), event)
    viewers: Counter[str] = Counter()
    movies: Counter[str] = Counter()
    pairs: dict[Any, list[WatchEvent]] = defaultdict(list)
    quarters: dict[Any, list[WatchEvent]] = defaultdict(list)
    days: dict[Any, list[WatchEvent]] = defaultdict(list)
    for event in by_key.values():
        viewers[event.user] += event.at - event.start
        movies[event.slug] += event.at - event.start
        pairs[event.user, event.slug].append(event)
        since = event.occurred_at.timestamp()
        quarters[event.slug, int(since // QUARTER.total_seconds())].append(event)
        days[event.slug, int(since // DAY.total_seconds())].append(event)
    return {
        "viewers": dict(viewers),
        "movies": dict(movies),
        "pairs": {key: _pair(part) for key, part in pairs.items()},
        "curves": {slug: _expected_curves(slug, pairs) for slug in movies},
        "quarters": {key: _period(part) for key, part in quarters.items()},
        "days": {key: _period(part) for key, part in days.items()},
    }


def _seconds(event: WatchEvent) -> range:
    return range(event.start, event.at) if event.positional else range(0)


def _period(events: list[WatchEvent]) -> tuple[int, int]:
    return sum(event.at - event.start for event in events), len(events)


def _pair(events: list[WatchEvent]) -> tuple[Any, ...]:
    told = [event for event in events if event.positional]
    seconds = {second for event in events for second in _seconds(event)}
    latest = max(told or events, key=lambda event: (event.occurred_at, event.id))
    return (
        sum(event.at - event.start for event in events),
        max((event.at for event in told), default=0),
        len(seconds),
        _stretches(seconds),
        latest.at if told else 0,
        latest.occurred_at,
    )


def _stretches(seconds: set[int]) -> tuple[tuple[int, int], ...]:
    starts = sorted(second for second in seconds if second - 1 not in seconds)
    ends = sorted(second + 1 for second in seconds if second + 1 not in seconds)
    return tuple(zip(starts, ends, strict=True))


def _expected_curves(slug: str, pairs: dict[Any, list[WatchEvent]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    views, viewers = [0] * LENGTH, [0] * LENGTH
    for (_, movie), events in pairs.items():
        if movie == slug:
            for event in events:
                for second in _seconds(event):
                    views[second] += 1
            for second in {second for event in events for second in _seconds(event)}:
                viewers[second] += 1
    return _without_zeros_at_the_end(views), _without_zeros_at_the_end(viewers)
