"""The reads of the graph."""

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
# The rows of each type, and where they have the name of the viewer whom they tell of.
_NODES: Mapping[str, tuple[QuerySet[Any], str | None]] = {
    "User": (models.CustomUser.objects.all(), "username"),
    "Movie": (models.Movie.objects.all(), None),
    "WatchTime": (models.WatchTime.objects.select_related("user", "movie"), "user__username"),
    "Event": (models.Event.objects.select_related("user", "movie"), "user__username"),
}

Username = Annotated[str, strawberry.argument(description="The viewer's name.")]
MoviePk = Annotated[strawberry.ID | None, strawberry.argument(description="The movie's primary key.")]
MovieSlug = Annotated[str | None, strawberry.argument(description="The movie's slug.")]
Text = Annotated[str, strawberry.argument(description="A part of the name; upper and lower case are the same.")]


@strawberry.type(description="What can be read.")
class Query:
    """The root of every query."""

    @strawberry.field(
        description="A viewer with the time watched, of all movies; null when unknown.",
        extensions=[Permission(reads_the_viewer)],
    )
    def user_total_watch_time(self, username: Username) -> User | None:
        """Return the viewer of this name."""
        return cast("User | None", totals.user_total(username))

    @strawberry.field(
        description="A movie with the time it was watched; null when unknown. Give pk or slug.",
        extensions=[Permission(reads_movies)],
    )
    def movie_total_watch_time(self, pk: MoviePk = UNSET, slug: MovieSlug = UNSET) -> Movie | None:
        """Return the movie with this pk or slug.

        Raises BadUserInput unless exactly one is given.
        """
        given_pk, given_slug = exactly_one(pk=pk, slug=slug)
        return cast("Movie | None", totals.movie_total(pk=primary_key(given_pk), slug=given_slug))

    @strawberry.field(
        description="What a viewer watched of a movie; null when nothing, or unknown. Give moviePk or movieSlug.",
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
        description="The viewers, those who watched most first unless ordered otherwise.",
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
        description="The movies, the most watched first unless ordered otherwise.",
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
        description="The events that were counted, newest first by the time watched.",
        permission=ListPermission(reads_the_viewer, lists.NEWEST_FIRST),
    )
    def events(
        self,
        username: Annotated[str | None, strawberry.argument(description="Only events of this viewer.")] = UNSET,
        slug: Annotated[str | None, strawberry.argument(description="Only events of this movie.")] = UNSET,
        occurred_from: Annotated[
            datetime | None, strawberry.argument(description="Only what was watched at this time or later.")
        ] = UNSET,
        occurred_before: Annotated[
            datetime | None, strawberry.argument(description="Only what was watched before this time.")
        ] = UNSET,
    ) -> Iterable[Event]:
        """Return the ledger, or a part of it."""
        since, until = time_of(occurred_from, "occurredFrom"), time_of(occurred_before, "occurredBefore")
        selection = ledger_filter(username=given(username), slug=given(slug), since=since, until=until)
        return cast("Iterable[Event]", Ledger(selection))

    @strawberry.field(
        description="The movies most watched in a window of time, the most watched first.",
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
        description="The viewer who asks; null when the caller is no viewer, or has no events yet.",
        extensions=[Permission(anyone)],
    )
    def me(self, info: Info) -> User | None:
        """Return the viewer of a token with the scope `viewer`."""
        username = info.context.caller.viewer
        return cast("User | None", totals.user_total(username)) if username is not None else None

    @strawberry.field(
        description="How long was watched in each interval of a window, of all movies; at most 1,000 intervals.",
        extensions=[PlainListPermission(reads_movies)],
    )
    def watch_time_series(
        self, info: Info, start: From, to: To, interval: By = IntervalOption.DAY, time_zone: TimeZone = "UTC"
    ) -> list[WatchTimePoint]:
        """Return a point for each interval. Raises BadUserInput for a window that cannot be meant."""
        info.context.use("ROWS", ROWS_OF_A_WINDOW)
        return points(info, series.whole_series, start, to, interval, time_zone)

    @strawberry.field(
        description="What happens now. It costs little: a process reads it once for all who ask.",
        extensions=[Permission(reads_viewers)],
    )
    def live(self, time_zone: TimeZone = "UTC") -> Live | None:
        """Return the numbers; today is that of the time zone. Raises BadUserInput for an unknown one."""
        return Live.of(time_zone)

    @strawberry.field(
        description="Movies whose title or slug has a text in it, the most watched first, among the 10,000 most "
        "watched. The movie whose slug is the text is always found.",
        extensions=[PlainListPermission(reads_movies)],
    )
    def search_movies(self, info: Info, text: Text, first: First = DEFAULT_TOP) -> list[Movie]:
        """Return the movies. Raises BadUserInput for too many, TooLarge for too many searches in the request."""
        info.context.use("ROWS", ROWS_OF_A_SEARCH)
        limit = within(first, DEFAULT_TOP, 0, MAX_TOP, "first")
        return cast("list[Movie]", list(search.movies(text)[:limit]))

    @strawberry.field(
        description="Viewers whose name has a text in it, those who watched most first, among the 10,000 who watched "
        "most. The viewer whose name is the text is always found.",
        extensions=[Permission(anyone)],
    )
    def search_viewers(self, info: Info, text: Text, first: First = DEFAULT_TOP) -> list[User]:
        """Return those that the caller may read. Raises BadUserInput for too many, TooLarge for too many searches."""
        info.context.use("ROWS", ROWS_OF_A_SEARCH)
        limit = within(first, DEFAULT_TOP, 0, MAX_TOP, "first")
        return cast("list[User]", list(visible(info.context.caller, search.viewers(text), "username")[:limit]))

    @strawberry.field(
        description="Any object by its global id; null when there is none.", extensions=[Permission(anyone)]
    )
    def node(
        self,
        info: Info,
        global_id: Annotated[strawberry.ID, strawberry.argument(name="id", description="The object's global id.")],
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
