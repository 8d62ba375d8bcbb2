"""The objects of the graph: what clients can read of a user, a movie, a watch time and an event."""

from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry
import strawberry_django
from strawberry import relay
from strawberry_django.fields.field import StrawberryDjangoField

from schema.analytics import (
    DEFAULT_BINS,
    DEFAULT_SHARES,
    MAX_BINS,
    MAX_SHARES,
    ROWS_OF_COMPLETIONS,
    Bins,
    By,
    CompletionBin,
    From,
    IntervalOption,
    RetentionPoint,
    Shares,
    Stretch,
    TimeZone,
    To,
    WatchTimePoint,
    points,
    within,
)
from schema.connections import Connection, connection
from schema.context import Info
from schema.permissions import Permission, anyone, visible
from schema.scalars import Seconds
from watchtime import lists, models, series
from watchtime.completion import completions
from watchtime.lists import ContinueWatching, PairsOf, Rows
from watchtime.retention import retention


@strawberry.enum(description="The orders of the list of users.")
class UserOrder(Enum):
    """Each has an index."""

    TOTAL_WATCH_TIME_DESC = strawberry.enum_value(lists.MOST_USERS, description="Those who watched most come first.")
    TOTAL_WATCH_TIME_ASC = strawberry.enum_value(lists.LEAST_USERS, description="Those who watched least come first.")
    USERNAME_ASC = strawberry.enum_value(lists.USERNAME_ASC, description="From A to Z.")
    USERNAME_DESC = strawberry.enum_value(lists.USERNAME_DESC, description="From Z to A.")


@strawberry.enum(description="The orders of the list of movies.")
class MovieOrder(Enum):
    """Each has an index."""

    TOTAL_WATCH_TIME_DESC = strawberry.enum_value(lists.MOST_MOVIES, description="The most watched come first.")
    TOTAL_WATCH_TIME_ASC = strawberry.enum_value(lists.LEAST_MOVIES, description="The least watched come first.")
    SLUG_ASC = strawberry.enum_value(lists.SLUG_ASC, description="By slug, from A to Z.")
    SLUG_DESC = strawberry.enum_value(lists.SLUG_DESC, description="By slug, from Z to A.")


class Column(StrawberryDjangoField):
    """A field that is an attribute of the row: whatever it needs was read with the row.

    strawberry_django's own asks at each value whether it may block, and costs five times as much.
    """

    @property
    def is_basic_field(self) -> bool:
        """Say whether there is nothing to do but to get the attribute; a permission is something to do."""
        return self.base_resolver is None and not self.extensions

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return the attribute, or what the resolver returns."""
        if self.base_resolver is not None:
            return super().get_result(source, info, args, kwargs)
        return getattr(source, self.django_name or self.python_name)


def column(description: str, **options: Any) -> Any:
    """Declare a field that is an attribute of the row. Options are those of `strawberry_django.field`."""
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

    @connection(
        Connection[Annotated["WatchTime", strawberry.lazy("schema.types")]],
        description="What this viewer watched, movie by movie, in the order of first views.",
    )
    def watch_times(self) -> Iterable["WatchTime"]:
        """Return the viewer's watch times."""
        return cast("Iterable[WatchTime]", PairsOf(cast("models.CustomUser", self)))

    @connection(
        Connection[Annotated["WatchTime", strawberry.lazy("schema.types")]],
        description="What this viewer began and did not finish, what was watched last first. Begun: at least the first "
        "60 seconds. Finished: within the last 5 % of the movie or its last 300 seconds, whichever is less.",
    )
    def continue_watching(self) -> Iterable["WatchTime"]:
        """Return the viewer's watch times that can be resumed."""
        return cast("Iterable[WatchTime]", ContinueWatching(cast("models.CustomUser", self)))

    @strawberry.field(description="How long this viewer watched in each interval of a window, at most 1,000 of them.")
    def watch_time_series(
        self, info: Info, start: From, to: To, interval: By = IntervalOption.DAY, time_zone: TimeZone = "UTC"
    ) -> list[WatchTimePoint]:
        """Return a point for each interval. Raises BadUserInput for a window that cannot be meant."""
        read = partial(series.viewer_series, cast("models.CustomUser", self))
        return points(info, read, start, to, interval, time_zone)


@strawberry_django.type(models.Movie, description="A movie.")
class Movie(Row):
    """A movie, with the total of all viewers."""

    pk: strawberry.ID = column(field_name="pk", description="The primary key in the service's database.")
    title: str = column(description="The movie's title; empty when nobody has entered it yet.")
    slug: str = column(description="The unique name of the movie in URLs and events.")
    duration_seconds: int | None = column(description="How long the movie is, in seconds; null when unknown.")
    total_watch_time: Seconds = column(description="How long this movie was watched, by all viewers.")

    @connection(
        Connection[Annotated["WatchTime", strawberry.lazy("schema.types")]],
        description="Who watched this movie, viewer by viewer, in the order of first views.",
        permission=Permission(anyone),
    )
    def watch_times(self, info: Info) -> Iterable["WatchTime"]:
        """Return the movie's watch times that the caller may read."""
        movie, caller = cast("models.Movie", self), info.context.caller
        if caller.may_read_viewers():
            return cast("Iterable[WatchTime]", PairsOf(movie))
        rows = models.WatchTime.objects.filter(movie=movie).select_related("user", "movie")
        return cast("Iterable[WatchTime]", Rows(visible(caller, rows, "user__username"), lists.BY_ID))

    @strawberry.field(
        name="retention",
        description="How often, and by how many viewers, each part of the movie was watched: parts of equal length up "
        "to durationSeconds, or to the furthest moment watched while that is unknown.",
    )
    def retention_curve(self, info: Info, bins: Bins = DEFAULT_BINS) -> list[RetentionPoint]:
        """Return the parts; none when neither a duration nor a view is known.

        Raises BadUserInput for too many parts, TooLarge when the request's curves are too long together.
        """
        found = retention(cast("models.Movie", self), within(bins, DEFAULT_BINS, 1, MAX_BINS, "bins"))
        info.context.use("ROWS", int(found[-1].end) // models.BLOCK_SECONDS + 1 if found else 0)
        return cast("list[RetentionPoint]", found)

    @strawberry.field(
        description="How long this movie was watched in each interval of a window, at most 1,000 of them."
    )
    def watch_time_series(
        self, info: Info, start: From, to: To, interval: By = IntervalOption.DAY, time_zone: TimeZone = "UTC"
    ) -> list[WatchTimePoint]:
        """Return a point for each interval. Raises BadUserInput for a window that cannot be meant."""
        return points(info, partial(series.movie_series, cast("models.Movie", self)), start, to, interval, time_zone)

    @strawberry.field(
        name="completions",
        description="How many viewers watched which share of the movie, of the 50,000 who began last. Empty while "
        "durationSeconds is unknown.",
    )
    def completion_distribution(self, info: Info, bins: Shares = DEFAULT_SHARES) -> list[CompletionBin]:
        """Return the shares. Raises BadUserInput for too many, TooLarge for too many such fields in the request."""
        info.context.use("ROWS", ROWS_OF_COMPLETIONS)
        found = completions(cast("models.Movie", self), within(bins, DEFAULT_SHARES, 1, MAX_SHARES, "bins"))
        return cast("list[CompletionBin]", found)


@strawberry_django.type(models.WatchTime, description="What one viewer watched of one movie.")
class WatchTime(Row):
    """A viewer and a movie, with their total."""

    user: User = column(description="Who watched.")
    movie: Movie = column(description="What was watched.")
    last_moment: int = column(description="The furthest moment of the movie reached, in seconds.")
    total_watch_time: Seconds = column(
        field_name="total", description="How long this viewer watched this movie, repeated parts included."
    )
    unique_seconds: Seconds = column(
        description="How many seconds of the movie this viewer watched at least once: the length of the coverage."
    )
    coverage: list[Stretch] = column(
        field_name="stretches", description="Which parts of the movie this viewer watched, in order, none twice."
    )
    completion: float | None = column(
        description="Which share of the movie this viewer watched, 0 to 1: uniqueSeconds by the movie's "
        "durationSeconds; null while that is unknown."
    )
    resume_moment: int = column(
        description="Where this viewer stopped last, in seconds into the movie: the end of the latest stretch by "
        "occurredAt."
    )
    watched_at: datetime = column(description="When this viewer watched this movie last.")


@strawberry.type(description="A movie, with how long it was watched in a window of time.")
class MovieWatchTime:
    """An entry of a list of the most watched."""

    movie: Movie = strawberry.field(description="What was watched.")
    total_watch_time: Seconds = strawberry.field(description="How long, by all viewers, in the window.")


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
