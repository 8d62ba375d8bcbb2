"""The latencies of reading the three totals."""

import random
import time
from collections.abc import Callable
from functools import cache

from django.conf import settings

from watchtime import totals
from watchtime.models import CustomUser, Movie
from watchtime.postgresql.base import DatabaseWrapper


def latencies(kind: str, reads: int) -> list[float]:
    """Return the seconds of each of so many reads: half of the viewer and the movie with most pairs, half of any."""
    DatabaseWrapper.statement_timeout = settings.DATABASE_TIMEOUT  # as the web server has it
    read = READS[kind]
    result = []
    for number in range(reads):
        viewer, movie = ("viewer-0", "movie-0") if number % 2 else _any()
        begin = time.perf_counter()
        found = read(viewer, movie)
        result.append(time.perf_counter() - begin)
        assert found is not None
    return result


READS: dict[str, Callable[[str, str], object]] = {
    "user_total": lambda viewer, _movie: totals.user_total(viewer),
    "movie_total": lambda _viewer, movie: totals.movie_total(slug=movie),
    "user_movie_total": lambda viewer, movie: totals.user_movie_total(viewer, movie_slug=movie),
}


def _any() -> tuple[str, str]:
    """Return any viewer, and any movie that viewer 0 watched or movie 0: both of which form a pair."""
    viewers, movies = _sizes()
    if random.random() < 0.5:
        return f"viewer-{random.randrange(viewers)}", "movie-0"
    return "viewer-0", f"movie-{random.randrange(movies)}"


@cache
def _sizes() -> tuple[int, int]:
    return CustomUser.objects.count(), Movie.objects.count()
