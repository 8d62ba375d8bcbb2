"""The reads: three totals, each one indexed row, and the ledger."""

from django.db.models import QuerySet

from watchtime.models import CustomUser, Event, Movie, WatchTime


def user_total(username: str) -> CustomUser | None:
    """Return the viewer, whose `total_watch_time` is of all movies in seconds; None when unknown."""
    return CustomUser.objects.filter(username=username).first()


def movie_total(*, pk: int | None = None, slug: str | None = None) -> Movie | None:
    """Return the movie, whose `total_watch_time` is by all viewers in seconds; None when unknown."""
    return _movies(pk, slug).first()


def user_movie_total(username: str, *, movie_pk: int | None = None, movie_slug: str | None = None) -> WatchTime | None:
    """Return what the viewer watched of the movie; None when that is nothing, or either is unknown."""
    pairs = WatchTime.objects.select_related("user", "movie").filter(user__username=username)
    return pairs.filter(movie__in=_movies(movie_pk, movie_slug)).first()


def events(*, username: str | None = None, slug: str | None = None) -> QuerySet[Event]:
    """Return the ledger, newest first, of one viewer or one movie where given."""
    ledger = Event.objects.select_related("user", "movie").order_by("-id")
    if username is not None:
        ledger = ledger.filter(user__username=username)
    if slug is not None:
        ledger = ledger.filter(movie__slug=slug)
    return ledger


def _movies(pk: int | None, slug: str | None) -> QuerySet[Movie]:
    """Return the movie with this pk or this slug; exactly one must be given."""
    if (pk is None) == (slug is None):
        raise ValueError("Give either the movie's pk or its slug.")
    return Movie.objects.filter(slug=slug) if pk is None else Movie.objects.filter(pk=pk)
