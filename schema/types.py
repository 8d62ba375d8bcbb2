"""The objects of the graph: what clients can read of a user, a movie, a watch time and an event."""

from datetime import datetime
from enum import Enum
from typing import Any, cast
from uuid import UUID

import strawberry
import strawberry_django
from strawberry import relay
from strawberry_django.fields.field import StrawberryDjangoField

from schema.connections import BY_ID, Connection, WatchTimesOf, paged
from schema.pagination import Order, a_name, a_number, a_time
from schema.scalars import Seconds
from watchtime import models

NEWEST_FIRST = Order("NEWEST", ("occurred_at", "id"), descending=True, kinds=(a_time, a_number))


def _by_total(name: str, *, descending: bool) -> Order:
    return Order(name, ("total_watch_time", "id"), descending)


_MOST_USERS = _by_total("MOST_WATCHED_USERS", descending=True)
_LEAST_USERS = _by_total("LEAST_WATCHED_USERS", descending=False)
_MOST_MOVIES = _by_total("MOST_WATCHED_MOVIES", descending=True)
_LEAST_MOVIES = _by_total("LEAST_WATCHED_MOVIES", descending=False)


@strawberry.enum(description="The orders of the list of users.")
class UserOrder(Enum):
    """Each has an index."""

    TOTAL_WATCH_TIME_DESC = strawberry.enum_value(_MOST_USERS, description="Those who watched most come first.")
    TOTAL_WATCH_TIME_ASC = strawberry.enum_value(_LEAST_USERS, description="Those who watched least come first.")
    USERNAME_ASC = strawberry.enum_value(
        Order("USERNAME_ASC", ("username",), kinds=(a_name,)), description="From A to Z."
    )
    USERNAME_DESC = strawberry.enum_value(
        Order("USERNAME_DESC", ("username",), descending=True, kinds=(a_name,)), description="From Z to A."
    )


@strawberry.enum(description="The orders of the list of movies.")
class MovieOrder(Enum):
    """Each has an index."""

    TOTAL_WATCH_TIME_DESC = strawberry.enum_value(_MOST_MOVIES, description="The most watched come first.")
    TOTAL_WATCH_TIME_ASC = strawberry.enum_value(_LEAST_MOVIES, description="The least watched come first.")
    SLUG_ASC = strawberry.enum_value(Order("SLUG_ASC", ("slug",), kinds=(a_name,)), description="By slug, from A to Z.")
    SLUG_DESC = strawberry.enum_value(
        Order("SLUG_DESC", ("slug",), descending=True, kinds=(a_name,)), description="By slug, from Z to A."
    )


class Column(StrawberryDjangoField):
    """A field that is an attribute of the row: whatever it needs was read with the row.

    strawberry_django's own asks at each value whether it may block, and costs five times as much.
    """

    @property
    def is_basic_field(self) -> bool:
        """Say that there is nothing to do but to get the attribute."""
        return self.base_resolver is None

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return the attribute, or what the resolver returns."""
        if self.base_resolver is not None:
            return super().get_result(source, info, args, kwargs)
        return getattr(source, self.django_name or self.python_name)


def column(description: str, **options: Any) -> Any:
    """Declare a field that is an attribute of the row."""
    return strawberry_django.field(description=description, field_cls=Column, **options)


class Row(relay.Node):
    """A node that is a row, known by its primary key."""

    @classmethod
    def resolve_id(cls, root: Any, *, info: Any) -> str:
        """Return the primary key; Strawberry would look for the field that holds it at each value."""
        return str(root.pk)


@strawberry_django.type(models.CustomUser, description="A viewer.")
class User(Row):
    """A viewer, with the total of all movies."""

    pk: strawberry.ID = column(field_name="pk", description="The primary key in the service's database.")
    username: str = column(description="The unique name of the viewer.")
    total_watch_time: Seconds = column(description="How long this viewer watched, of all movies.")

    @paged("What this viewer watched, movie by movie, in the order of first views.")
    def watch_times(self) -> "Connection[WatchTime]":
        """Return the viewer's watch times."""
        return Connection(source=WatchTimesOf(cast("models.CustomUser", self)), order=BY_ID)


@strawberry_django.type(models.Movie, description="A movie.")
class Movie(Row):
    """A movie, with the total of all viewers."""

    pk: strawberry.ID = column(field_name="pk", description="The primary key in the service's database.")
    title: str = column(description="The movie's title; empty when nobody has entered it yet.")
    slug: str = column(description="The unique name of the movie in URLs and events.")
    total_watch_time: Seconds = column(description="How long this movie was watched, by all viewers.")

    @paged("Who watched this movie, viewer by viewer, in the order of first views.")
    def watch_times(self) -> "Connection[WatchTime]":
        """Return the movie's watch times."""
        return Connection(source=WatchTimesOf(cast("models.Movie", self)), order=BY_ID)


@strawberry_django.type(models.WatchTime, description="What one viewer watched of one movie.")
class WatchTime(Row):
    """A viewer and a movie, with their total."""

    user: User = column(description="Who watched.")
    movie: Movie = column(description="What was watched.")
    last_moment: int = column(description="The furthest moment of the movie reached, in seconds.")
    total_watch_time: Seconds = column(
        field_name="total", description="How long this viewer watched this movie, repeated parts included."
    )


@strawberry_django.type(models.Event, description="A stretch of viewing, as it was reported and counted.")
class Event(Row):
    """A row of the ledger."""

    event_id: UUID = column(description="The idempotency key that the event was published with.")
    user: User = column(description="Who watched.")
    movie: Movie = column(description="What was watched.")
    start: int = column(description="Where the stretch began, in seconds into the movie.")
    at: int = column(description="The moment that it reached, in seconds into the movie.")
    occurred_at: datetime = column(description="When it was watched.")
    received_at: datetime = column(description="When it was counted.")
