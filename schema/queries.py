"""The reads of the graph."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, cast

import strawberry
from django.db.models import QuerySet
from strawberry import UNSET, relay

from schema.analytics import DEFAULT_TOP, MAX_TOP, ROWS_OF_A_WINDOW, First, From, To, window_of, within
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
from schema.scalars import Seconds, read_time
from schema.types import Event, Movie, MovieOrder, MovieWatchTime, User, UserOrder, WatchTime
from watchtime import lists, models, series, totals
from watchtime.history import ledger_filter
from watchtime.keyset import Order
from watchtime.lists import COLUMNS, Ledger, Rows

LONGEST_ID = 100
NO_ROW = -1
_PK = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
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
        given_pk, given_slug = _exactly_one(pk=pk, slug=slug)
        return cast("Movie | None", totals.movie_total(pk=_primary_key(given_pk), slug=given_slug))

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
        pk, slug = _exactly_one(moviePk=movie_pk, movieSlug=movie_slug)
        return cast("WatchTime | None", totals.user_movie_total(username, movie_pk=_primary_key(pk), movie_slug=slug))

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
        since, until = _time(occurred_from, "occurredFrom"), _time(occurred_before, "occurredBefore")
        selection = ledger_filter(username=_given(username), slug=_given(slug), since=since, until=until)
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


def _given(value: Any) -> Any:
    """Return the value of an argument; None when it was left out."""
    return None if value is UNSET else value


def _exactly_one(**arguments: str | None) -> list[str | None]:
    """Return the values of the arguments. Raises BadUserInput unless one of them is given and no other."""
    values = [_given(value) for value in arguments.values()]
    if sum(value is not None for value in values) != 1:
        raise BadUserInput(f"Give exactly one of {' and '.join(arguments)}.")
    return values


def _primary_key(text: str | None) -> int | None:
    """Return the number in a text; that of no row for a text that is none."""
    if text is None:
        return None
    return int(text) if _PK.fullmatch(text) and int(text) <= models.MAX_SECONDS else NO_ROW


def _global_id(text: str) -> tuple[str, int]:
    try:
        if len(text) > LONGEST_ID:
            raise ValueError
        global_id = relay.GlobalID.from_id(text)
    except ValueError:
        raise BadUserInput("id is not a global id.") from None
    pk = _primary_key(global_id.node_id)
    if global_id.type_name not in _NODES or pk is None or pk == NO_ROW or str(global_id) != text:
        raise BadUserInput("id is not a global id.")
    return global_id.type_name, pk


def _time(value: object, argument: str) -> datetime | None:
    return None if _given(value) is None else read_time(value, argument)
