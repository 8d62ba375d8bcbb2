"""Reading a movie's curve and its series."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from watchtime.intervals import Interval, intervals
from watchtime.models import Movie
from watchtime.retention import retention
from watchtime.series import movie_series

JUNE = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def latencies(kind: str, slug: str, reads: int) -> list[float]:
    """Return the seconds of each of so many reads of a movie."""
    movie, read = Movie.objects.get(slug=slug), READS[kind]
    result = []
    for _ in range(reads):
        begin = time.perf_counter()
        found = read(movie)
        result.append(time.perf_counter() - begin)
        assert found
    return result


def _series(movie: Movie, start: datetime, end: datetime, interval: Interval) -> object:
    return movie_series(movie, intervals(start, end, interval, "UTC").bounds)


READS: dict[str, Callable[[Movie], object]] = {
    "retention": lambda movie: retention(movie, 100),
    "days": lambda movie: _series(movie, JUNE, JUNE + 30 * DAY, Interval.DAY),
    "hours": lambda movie: _series(movie, JUNE, JUNE + 2 * DAY, Interval.HOUR),
    # Both ends of the window are within a quarter of an hour.
    "uneven": lambda movie: _series(movie, JUNE + DAY / 7, JUNE + 9.01 * DAY, Interval.DAY),
}
