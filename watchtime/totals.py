"""The reads of the three totals, each one indexed row.

The totals' SQL is written out, and their rows are made by hand: for one small row, a queryset,
raw or not, took Django ten times as long as the database took to answer.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.utils.functional import SimpleLazyObject

from watchtime.keyset import is_storable
from watchtime.models import CustomUser, Movie, WatchTime
from watchtime.replica import read_connection

# The columns in the order of the model's fields, as `from_db` wants them; the others are read when asked for.
_VIEWER = ("id", "username", "total_watch_time")
_MOVIE = ("id", "title", "slug", "duration_seconds", "total_watch_time")
_PAIR = ("id", "user_id", "movie_id", "last_moment", "total", "unique_seconds", "resume_moment")

VIEWER = "SELECT id, username, total_watch_time FROM watchtime_customuser WHERE username = %s"
MOVIE = "SELECT id, title, slug, duration_seconds, total_watch_time FROM watchtime_movie movie WHERE "
PAIR = """
    SELECT pair.id, user_id, movie_id, last_moment, total, unique_seconds, resume_moment,
           viewer.id, username, viewer.total_watch_time,
           movie.id, title, slug, duration_seconds, movie.total_watch_time
    FROM watchtime_watchtime pair
    JOIN watchtime_customuser viewer ON viewer.id = user_id
    JOIN watchtime_movie movie ON movie.id = movie_id
    WHERE username = %s AND """


def user_total(username: str) -> CustomUser | None:
    """Return the viewer, whose `total_watch_time` is of all movies in seconds; None when unknown."""
    row = _one(VIEWER, username)
    return CustomUser.from_db(DEFAULT_DB_ALIAS, _VIEWER, row) if row else None


def movie_total(*, pk: int | None = None, slug: str | None = None) -> Movie | None:
    """Return the movie, whose `total_watch_time` is by all viewers in seconds; None when unknown."""
    condition, key = _movie(pk, slug)
    row = _one(MOVIE + condition, key)
    return Movie.from_db(DEFAULT_DB_ALIAS, _MOVIE, row) if row else None


def user_movie_total(username: str, *, movie_pk: int | None = None, movie_slug: str | None = None) -> WatchTime | None:
    """Return what the viewer watched of the movie; None when that is nothing, or either is unknown."""
    condition, key = _movie(movie_pk, movie_slug)
    row = _one(PAIR + condition, username, key)
    if row is None:
        return None
    pair = WatchTime.from_db(DEFAULT_DB_ALIAS, _PAIR, row[:7])
    _relate(pair, "user", partial(CustomUser.from_db, DEFAULT_DB_ALIAS, _VIEWER, row[7:10]))
    _relate(pair, "movie", partial(Movie.from_db, DEFAULT_DB_ALIAS, _MOVIE, row[10:]))
    return pair


def _relate(pair: WatchTime, name: str, make: Callable[[], CustomUser | Movie]) -> None:
    """Give the pair a related object, made at its first use: a total alone does not need it."""
    field: Any = WatchTime._meta.get_field(name)
    field.set_cached_value(pair, SimpleLazyObject(make))


def _one(statement: str, *params: int | str) -> Sequence[Any] | None:
    """Return the only row of a statement; None when there is none, or a text is none that a row can hold."""
    if not all(is_storable(param) for param in params if isinstance(param, str)):
        return None
    with read_connection().cursor() as cursor:
        cursor.execute(statement, params)
        row: Sequence[Any] | None = cursor.fetchone()
        return row


def _movie(pk: int | None, slug: str | None) -> tuple[str, int | str]:
    """Return the condition that names one movie, and its value; exactly one of the two must be given."""
    if pk is not None and slug is None:
        return "movie.id = %s", pk
    if slug is not None and pk is None:
        return "slug = %s", slug
    raise ValueError("Give either the movie's pk or its slug.")
