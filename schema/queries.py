"""The fields of `Query`: totals, lists, the ledger, analytics, search, live numbers, and any object by its id."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, cast

import strawberry
from django.db.models import QuerySet
from strawberry import UNSET, relay

from schema.analytics import (
    DEFAULT_TOP,
    MAX_TOP,
    ROWS_OF_A_SEARCH,
    ROWS_OF_A_WINDOW,
    By,
    First,
    From,
    IntervalOption,
    Live,
    TimeZone,
    To,
    WatchTimePoint,
    points,
    window_of,
    within,
)
from schema.arguments import NO_ROW, exactly_one, given, primary_key, time_of
from schema.connections import Connection, connection
from schema.context import Info
from schema.errors import BadUserInput
from schema.permissions import (
    ListPermission,
    Permission,
    PlainListPermission,
    anyone,
    reads_movies,
    reads_the_viewer,
    reads_viewers,
    visible,
)
from schema.scalars import Seconds
from schema.types import Event, Movie, MovieOrder, MovieWatchTime, User, UserOrder, WatchTime
from watchtime import lists, models, search, series, totals
from watchtime.history import ledger_filter
from watchtime.keyset import Order
from watchtime.lists import COLUMNS, Ledger, Rows

LONGEST_ID = 100
# The rows of each type, and the lookup of their viewer's name, None for movies.
_NODES: Mapping[str, tuple[QuerySet[Any], str | None]] = {
    "User": (models.CustomUser.objects.all(), "username"),
    "Movie": (models.Movie.objects.all(), None),
    "WatchTime": (models.WatchTime.objects.select_related("user", "movie"), "user__username"),
    "Event": (models.Event.objects.select_related("user", "movie"), "user__username"),
}

Username = Annotated[str, strawberry.argument(description="The viewer's username, such as `anna`.")]
MoviePk = Annotated[strawberry.ID | None, strawberry.argument(description="The movie's `pk`, such as `42`.")]
MovieSlug = Annotated[str | None, strawberry.argument(description="The movie's slug, such as `alien`.")]
Text = Annotated[str, strawberry.argument(description="A part of the name, such as `runn`, in upper or lower case.")]


@strawberry.type(description="Reads. What the caller may not read looks as if it did not exist: null or an empty list.")
class Query:
    """The root of every query."""

    @strawberry.field(
        description="A viewer with the seconds watched of all movies; null when there is no such viewer.",
        extensions=[Permission(reads_the_viewer)],
    )
    def user_total_watch_time(self, username: Username) -> User | None:
        """Return the viewer of this name."""
        return cast("User | None", totals.user_total(username))

    @strawberry.field(
        description="A movie with the seconds watched by all viewers; null when unknown. Give `pk` or `slug`.",
        extensions=[Permission(reads_movies)],
    )
    def movie_total_watch_time(self, pk: MoviePk = UNSET, slug: MovieSlug = UNSET) -> Movie | None:
        """Return the movie with this pk or slug.

        Raises BadUserInput unless exactly one is given.
        """
        given_pk, given_slug = exactly_one(pk=pk, slug=slug)
        return cast("Movie | None", totals.movie_total(pk=primary_key(given_pk), slug=given_slug))

    @strawberry.field(
        description="What a viewer watched of a movie; null when that is nothing. Give `moviePk` or `movieSlug`.",
        extensions=[Permission(reads_the_viewer)],
    )
    def user_movie_total_watch_time(
        self, username: Username, movie_pk: MoviePk = UNSET, movie_slug: MovieSlug = UNSET
    ) -> WatchTime | None:
        """Return the viewer's watch time of the movie with this pk or slug.

        Raises BadUserInput unless exactly one is given.
        """
        pk, slug = exactly_one(moviePk=movie_pk, movieSlug=movie_slug)
        return cast("WatchTime | None", totals.user_movie_total(username, movie_pk=primary_key(pk), movie_slug=slug))

    @connection(
        Connection[User],
        description="All viewers, by default those with the greatest `totalWatchTime` first.",
        permission=ListPermission(reads_viewers, lists.MOST_USERS),
    )
    def users(
        self,
        order_by: Annotated[
            UserOrder, strawberry.argument(description="The order of the list.")
        ] = UserOrder.TOTAL_WATCH_TIME_DESC,
    ) -> Iterable[User]:
        """Return the viewers."""
        rows = models.CustomUser.objects.only(*COLUMNS["user"])
        return cast("Iterable[User]", Rows(rows, cast("Order", order_by.value)))

    @connection(
        Connection[Movie],
        description="All movies, by default those with the greatest `totalWatchTime` first.",
        permission=ListPermission(reads_movies, lists.MOST_MOVIES),
    )
    def movies(
        self,
        order_by: Annotated[
            MovieOrder, strawberry.argument(description="The order of the list.")
        ] = MovieOrder.TOTAL_WATCH_TIME_DESC,
    ) -> Iterable[Movie]:
        """Return the movies."""
        return cast("Iterable[Movie]", Rows(models.Movie.objects.all(), cast("Order", order_by.value)))

    @connection(
        Connection[Event],
        description="The events that were counted, the latest `occurredAt` first. The arguments narrow the list down.",
        permission=ListPermission(reads_the_viewer, lists.NEWEST_FIRST),
    )
    def events(
        self,
        username: Annotated[str | None, strawberry.argument(description="Only the viewer with this name.")] = UNSET,
        slug: Annotated[str | None, strawberry.argument(description="Only the movie with this slug.")] = UNSET,
        occurred_from: Annotated[
            datetime | None, strawberry.argument(description="Only events with this `occurredAt` or a later one.")
        ] = UNSET,
        occurred_before: Annotated[
            datetime | None, strawberry.argument(description="Only events with an earlier `occurredAt`.")
        ] = UNSET,
    ) -> Iterable[Event]:
        """Return the ledger, or a part of it."""
        since, until = time_of(occurred_from, "occurredFrom"), time_of(occurred_before, "occurredBefore")
        selection = ledger_filter(username=given(username), slug=given(slug), since=since, until=until)
        return cast("Iterable[Event]", Ledger(selection))

    @strawberry.field(
        description="The movies that were watched longest in a time window, in that order. Pruned events count where "
        "their quarter of an hour begins.",
        extensions=[PlainListPermission(reads_movies)],
    )
    def top_movies(self, info: Info, start: From, to: To, first: First = DEFAULT_TOP) -> list[MovieWatchTime]:
        """Return the movies with what was watched of them in the window.

        Raises BadUserInput for a window that cannot be meant, and for too many movies; TooLarge for too many such
        fields in the request.
        """
        info.context.use("ROWS", ROWS_OF_A_WINDOW)
        found = series.top_movies(*window_of(start, to), within(first, DEFAULT_TOP, 0, MAX_TOP, "first"))
        return [
            MovieWatchTime(movie=cast("Movie", movie), total_watch_time=Seconds(seconds)) for movie, seconds in found
        ]

    @strawberry.field(
        description="The viewer of the caller's token; null for other callers, and before the viewer's first event.",
        extensions=[Permission(anyone)],
    )
    def me(self, info: Info) -> User | None:
        """Return the viewer of a token with the scope `viewer`."""
        username = info.context.caller.viewer
        return cast("User | None", totals.user_total(username)) if username is not None else None

    @strawberry.field(
        description="Seconds watched of all movies in each interval of a time window, in order, empty intervals "
        "included. At most 1,000 intervals.",
        extensions=[PlainListPermission(reads_movies)],
    )
    def watch_time_series(
        self, info: Info, start: From, to: To, interval: By = IntervalOption.DAY, time_zone: TimeZone = "UTC"
    ) -> list[WatchTimePoint]:
        """Return a point for each interval. Raises BadUserInput for a window that cannot be meant."""
        info.context.use("ROWS", ROWS_OF_A_WINDOW)
        return points(info, series.whole_series, start, to, interval, time_zone)

    @strawberry.field(
        description="Live numbers, for a page that asks every second: cheap, because they are read once for all.",
        extensions=[Permission(reads_viewers)],
    )
    def live(self, time_zone: TimeZone = "UTC") -> Live | None:
        """Return the numbers; today is that of the time zone. Raises BadUserInput for an unknown one."""
        return Live.of(time_zone)

    @strawberry.field(
        description="Movies whose title or slug contains a text, those with the greatest `totalWatchTime` first. Looks "
        "at the 10,000 movies watched most, and at the movie whose slug is exactly the text.",
        extensions=[PlainListPermission(reads_movies)],
    )
    def search_movies(self, info: Info, text: Text, first: First = DEFAULT_TOP) -> list[Movie]:
        """Return the movies. Raises BadUserInput for too many, TooLarge for too many searches in the request."""
        info.context.use("ROWS", ROWS_OF_A_SEARCH)
        limit = within(first, DEFAULT_TOP, 0, MAX_TOP, "first")
        return cast("list[Movie]", list(search.movies(text)[:limit]))

    @strawberry.field(
        description="Viewers whose username contains a text, those with the greatest `totalWatchTime` first. Looks at "
        "the 10,000 viewers who watched most, and at the viewer whose username is exactly the text.",
        extensions=[Permission(anyone)],
    )
    def search_viewers(self, info: Info, text: Text, first: First = DEFAULT_TOP) -> list[User]:
        """Return those that the caller may read. Raises BadUserInput for too many, TooLarge for too many searches."""
        info.context.use("ROWS", ROWS_OF_A_SEARCH)
        limit = within(first, DEFAULT_TOP, 0, MAX_TOP, "first")
        return cast("list[User]", list(visible(info.context.caller, search.viewers(text), "username")[:limit]))

    @strawberry.field(
        description="The object with a global id, of whatever type; null when there is none.",
        extensions=[Permission(anyone)],
    )
    def node(
        self,
        info: Info,
        global_id: Annotated[strawberry.ID, strawberry.argument(name="id", description="The `id` of an object.")],
    ) -> relay.Node | None:
        """Return the object of a global id.

        Raises BadUserInput when the id is not one that this service makes.
        """
        type_name, pk = _global_id(global_id)
        rows, username = _NODES[type_name]
        return cast("relay.Node | None", visible(info.context.caller, rows.filter(pk=pk), username).first())


def _global_id(text: str) -> tuple[str, int]:
    try:
        if len(text) > LONGEST_ID:
            raise ValueError
        global_id = relay.GlobalID.from_id(text)
    except ValueError:
        raise BadUserInput("id is not a global id.") from None
    pk = primary_key(global_id.node_id)
    if global_id.type_name not in _NODES or pk is None or pk == NO_ROW or str(global_id) != text:
        raise BadUserInput("id is not a global id.")
    return global_id.type_name, pk
