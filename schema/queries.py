"""The reads of the graph."""

import re
from datetime import datetime
from typing import Annotated, cast

import strawberry
from pydantic import TypeAdapter, ValidationError
from strawberry import UNSET, relay

from schema.connections import COLUMNS, Connection, Ledger, Rows, paged
from schema.errors import BadUserInput, sent
from schema.pagination import Order, is_storable
from schema.types import NEWEST_FIRST, Event, Movie, MovieOrder, User, UserOrder, WatchTime
from watchtime import models, totals
from watchtime.events import Time
from watchtime.history import part_of

_TIME: TypeAdapter[datetime] = TypeAdapter(Time)
LONGEST_ID = 100
_PK = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_NODES = {
    "User": models.CustomUser.objects.all(),
    "Movie": models.Movie.objects.all(),
    "WatchTime": models.WatchTime.objects.select_related("user", "movie"),
    "Event": models.Event.objects.select_related("user", "movie"),
}

Username = Annotated[str, strawberry.argument(description="The viewer's name.")]
MoviePk = Annotated[strawberry.ID | None, strawberry.argument(description="The movie's primary key.")]
MovieSlug = Annotated[str | None, strawberry.argument(description="The movie's slug.")]


@strawberry.type(description="What can be read.")
class Query:
    """The root of every query."""

    @strawberry.field(description="A viewer with the time watched, of all movies; null when unknown.")
    def user_total_watch_time(self, username: Username) -> User | None:
        """Return the viewer of this name."""
        return cast("User | None", totals.user_total(username) if is_storable(username) else None)

    @strawberry.field(description="A movie with the time it was watched; null when unknown. Give pk or slug.")
    def movie_total_watch_time(self, pk: MoviePk = UNSET, slug: MovieSlug = UNSET) -> Movie | None:
        """Return the movie with this pk or slug.

        Raises BadUserInput unless exactly one is given.
        """
        pk, slug = sent(pk), sent(slug)
        _exactly_one(pk=pk, slug=slug)
        number = _primary_key(pk)
        if not _can_exist(pk, number, slug):
            return None
        return cast("Movie | None", totals.movie_total(pk=number, slug=slug))

    @strawberry.field(
        description="What a viewer watched of a movie; null when nothing, or unknown. Give moviePk or movieSlug."
    )
    def user_movie_total_watch_time(
        self, username: Username, movie_pk: MoviePk = UNSET, movie_slug: MovieSlug = UNSET
    ) -> WatchTime | None:
        """Return the viewer's watch time of the movie with this pk or slug.

        Raises BadUserInput unless exactly one is given.
        """
        movie_pk, movie_slug = sent(movie_pk), sent(movie_slug)
        _exactly_one(moviePk=movie_pk, movieSlug=movie_slug)
        number = _primary_key(movie_pk)
        if not _can_exist(movie_pk, number, movie_slug) or not is_storable(username):
            return None
        return cast("WatchTime | None", totals.user_movie_total(username, movie_pk=number, movie_slug=movie_slug))

    @paged("The viewers, those who watched most first unless ordered otherwise.")
    def users(
        self,
        order_by: Annotated[
            UserOrder, strawberry.argument(description="The order of the list.")
        ] = UserOrder.TOTAL_WATCH_TIME_DESC,
    ) -> Connection[User]:
        """Return the viewers."""
        return Connection(
            source=Rows(models.CustomUser.objects.only(*COLUMNS["user"])), order=cast("Order", order_by.value)
        )

    @paged("The movies, the most watched first unless ordered otherwise.")
    def movies(
        self,
        order_by: Annotated[
            MovieOrder, strawberry.argument(description="The order of the list.")
        ] = MovieOrder.TOTAL_WATCH_TIME_DESC,
    ) -> Connection[Movie]:
        """Return the movies."""
        return Connection(source=Rows(models.Movie.objects.all()), order=cast("Order", order_by.value))

    @paged("The events that were counted, newest first by the time watched.")
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
    ) -> Connection[Event]:
        """Return the ledger, or a part of it."""
        username, slug = sent(username), sent(slug)
        known = all(is_storable(text) for text in (username, slug) if text is not None)
        since, until = _time(occurred_from, "occurredFrom"), _time(occurred_before, "occurredBefore")
        part = part_of(username=username, slug=slug, since=since, until=until) if known else None
        return Connection(source=Ledger(part), order=NEWEST_FIRST)

    @strawberry.field(description="Any object by its global id; null when there is none.")
    def node(
        self, global_id: Annotated[strawberry.ID, strawberry.argument(name="id", description="The object's global id.")]
    ) -> relay.Node | None:
        """Return the object of a global id.

        Raises BadUserInput when the id is not one that this service makes.
        """
        type_name, pk = _global_id(global_id)
        return cast("relay.Node | None", _NODES[type_name].filter(pk=pk).first())


def _exactly_one(**arguments: str | None) -> None:
    if sum(value is not None for value in arguments.values()) != 1:
        raise BadUserInput(f"Give exactly one of {' and '.join(arguments)}.")


def _primary_key(text: str | None) -> int | None:
    """Return the number in the text, None when it is none that a row can have."""
    if text is None or not _PK.fullmatch(text) or int(text) > models.MAX_SECONDS:
        return None
    return int(text)


def _can_exist(pk: str | None, number: int | None, slug: str | None) -> bool:
    return (pk is None or number is not None) and (slug is None or is_storable(slug))


def _global_id(text: str) -> tuple[str, int]:
    try:
        if len(text) > LONGEST_ID:
            raise ValueError
        global_id = relay.GlobalID.from_id(text)
    except ValueError:
        raise BadUserInput("id is not a global id.") from None
    pk = _primary_key(global_id.node_id)
    if global_id.type_name not in _NODES or pk is None or str(global_id) != text:
        raise BadUserInput("id is not a global id.")
    return global_id.type_name, pk


def _time(value: object, argument: str) -> datetime | None:
    if sent(value) is None:
        return None
    try:
        return _TIME.validate_python(value)
    except ValidationError as error:
        raise BadUserInput(f"{argument}: {error.errors()[0]['msg']}") from None
