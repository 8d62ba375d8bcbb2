"""The reads: three totals, each one indexed row, and the ledger.

The totals' SQL is written out: for one small row, making it from a queryset took Django
ten times as long as the database took to answer.
"""

from django.db.models import QuerySet

from watchtime.models import CustomUser, Event, Movie, WatchTime

VIEWER = "SELECT id, username, total_watch_time FROM watchtime_customuser WHERE username = %s"
MOVIE = "SELECT id, title, slug, total_watch_time FROM watchtime_movie WHERE "
PAIR = """
    SELECT pair.id, user_id, movie_id, last_moment, total,
           username, viewer.total_watch_time AS viewer_total, title, slug, movie.total_watch_time AS movie_total
    FROM watchtime_watchtime pair
    JOIN watchtime_customuser viewer ON viewer.id = user_id
    JOIN watchtime_movie movie ON movie.id = movie_id
    WHERE username = %s AND """


def user_total(username: str) -> CustomUser | None:
    """Return the viewer, whose `total_watch_time` is of all movies in seconds; None when unknown."""
    return next(iter(CustomUser.objects.raw(VIEWER, [username])), None)


def movie_total(*, pk: int | None = None, slug: str | None = None) -> Movie | None:
    """Return the movie, whose `total_watch_time` is by all viewers in seconds; None when unknown."""
    condition, key = _movie(pk, slug, "id")
    return next(iter(Movie.objects.raw(MOVIE + condition, [key])), None)


def user_movie_total(username: str, *, movie_pk: int | None = None, movie_slug: str | None = None) -> WatchTime | None:
    """Return what the viewer watched of the movie; None when that is nothing, or either is unknown."""
    condition, key = _movie(movie_pk, movie_slug, "movie_id")
    for pair in WatchTime.objects.raw(PAIR + condition, [username, key]):
        joined, database = vars(pair), pair._state.db
        viewer = [pair.user_id, joined["username"], joined["viewer_total"]]
        movie = [pair.movie_id, joined["title"], joined["slug"], joined["movie_total"]]
        pair.user = CustomUser.from_db(database, ["id", "username", "total_watch_time"], viewer)
        pair.movie = Movie.from_db(database, ["id", "title", "slug", "total_watch_time"], movie)
        return pair
    return None


def events(*, username: str | None = None, slug: str | None = None) -> QuerySet[Event]:
    """Return the ledger, newest first, of one viewer or one movie where given."""
    ledger = Event.objects.select_related("user", "movie").order_by("-id")
    if username is not None:
        ledger = ledger.filter(user__username=username)
    if slug is not None:
        ledger = ledger.filter(movie__slug=slug)
    return ledger


def _movie(pk: int | None, slug: str | None, key: str) -> tuple[str, int | str]:
    """Return the condition that names one movie, and its value; exactly one of the two must be given."""
    if pk is not None and slug is None:
        return f"{key} = %s", pk
    if slug is not None and pk is None:
        return "slug = %s", slug
    raise ValueError("Give either the movie's pk or its slug.")
