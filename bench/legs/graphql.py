"""The data of the GraphQL benchmark, made within a process of the service."""

from watchtime.models import CustomUser, Movie, WatchTime


def fill() -> None:
    """Make a total of each kind."""
    user = CustomUser.objects.create(username="ada", total_watch_time=60)
    movie = Movie.objects.create(slug="dune", title="Dune", total_watch_time=60)
    WatchTime.objects.create(user=user, movie=movie, last_moment=60, total=60)
