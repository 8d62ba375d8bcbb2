"""The object types of the GraphQL schema: User, Movie, WatchTime, Event, and the orders of lists."""

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


@strawberry.enum(description="In which order to list viewers.")
class UserOrder(Enum):
    """Each has an index."""

    TOTAL_WATCH_TIME_DESC = strawberry.enum_value(
        lists.MOST_USERS, description="By `totalWatchTime`, the greatest first."
    )
    TOTAL_WATCH_TIME_ASC = strawberry.enum_value(
        lists.LEAST_USERS, description="By `totalWatchTime`, the smallest first."
    )
    USERNAME_ASC = strawberry.enum_value(lists.USERNAME_ASC, description="By username, from A to Z.")
    USERNAME_DESC = strawberry.enum_value(lists.USERNAME_DESC, description="By username, from Z to A.")


@strawberry.enum(description="In which order to list movies.")
class MovieOrder(Enum):
    """Each has an index."""

    TOTAL_WATCH_TIME_DESC = strawberry.enum_value(
        lists.MOST_MOVIES, description="By `totalWatchTime`, the greatest first."
    )
    TOTAL_WATCH_TIME_ASC = strawberry.enum_value(
        lists.LEAST_MOVIES, description="By `totalWatchTime`, the smallest first."
    )
    SLUG_ASC = strawberry.enum_value(lists.SLUG_ASC, description="By slug, from A to Z.")
    SLUG_DESC = strawberry.enum_value(lists.SLUG_DESC, description="By slug, from Z to A.")


class Column(StrawberryDjangoField):
    """A field that is an attribute of the row and needs no further query.

    strawberry_django's field checks at each value whether it may block, which takes five times as long.
    """

    @property
    def is_basic_field(self) -> bool:
        """Say whether the field has neither a resolver nor extensions, so that only the attribute is read."""
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


@strawberry_django.type(models.CustomUser, description="Somebody who watches movies, known by a username.")
class User(Row):
    """A viewer, with the total of all movies."""

    pk: strawberry.ID = column(field_name="pk", description="The viewer's key in the database, such as `42`.")
    username: str = column(description="The viewer's unique name, as events carry it, such as `anna`.")
    total_watch_time: Seconds = column(description="Seconds watched of all movies; a part watched twice counts twice.")

    @connection(
        Connection[Annotated["WatchTime", strawberry.lazy("schema.types")]],
        description="What this viewer watched, one item for each movie, in the order in which the movies were begun.",
    )
    def watch_times(self) -> Iterable["WatchTime"]:
        """Return the viewer's watch times."""
        return cast("Iterable[WatchTime]", PairsOf(cast("models.CustomUser", self)))

    @connection(
        Connection[Annotated["WatchTime", strawberry.lazy("schema.types")]],
        description="The movies that this viewer began and did not finish, the one watched last first. Begun: "
        "`resumeMoment` is at least 60 seconds. Finished: it lies within the last 5 % of the movie or its last 300 "
        "seconds, whichever is less. The server's settings can change these numbers.",
    )
    def continue_watching(self) -> Iterable["WatchTime"]:
        """Return the viewer's watch times that can be resumed."""
        return cast("Iterable[WatchTime]", ContinueWatching(cast("models.CustomUser", self)))

    @strawberry.field(
        description="Seconds that this viewer watched in each interval of a time window, in order, empty intervals "
        "included. At most 1,000 intervals."
    )
    def watch_time_series(
        self, info: Info, start: From, to: To, interval: By = IntervalOption.DAY, time_zone: TimeZone = "UTC"
    ) -> list[WatchTimePoint]:
        """Return a point for each interval. Raises BadUserInput for a window that cannot be meant."""
        read = partial(series.viewer_series, cast("models.CustomUser", self))
        return points(info, read, start, to, interval, time_zone)


@strawberry_django.type(models.Movie, description="A movie, known by its slug.")
class Movie(Row):
    """A movie, with the total of all viewers."""

    pk: strawberry.ID = column(field_name="pk", description="The movie's key in the database, such as `42`.")
    title: str = column(description="The movie's title, such as `Blade Runner 2049`; empty until somebody enters it.")
    slug: str = column(description="The movie's unique name in events and URLs, such as `blade-runner-2049`.")
    duration_seconds: int | None = column(description="The length of the movie in seconds; null while it is unknown.")
    total_watch_time: Seconds = column(description="Seconds watched by all viewers; a part watched twice counts twice.")

    @connection(
        Connection[Annotated["WatchTime", strawberry.lazy("schema.types")]],
        description="Who watched this movie, one item for each viewer, in the order in which they began it.",
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
        description="The retention curve: how often, and by how many viewers, each part of the movie was watched. The "
        "parts have equal lengths and end at `durationSeconds`, or at the furthest second that was watched while the "
        "duration is unknown.",
    )
    def retention_curve(self, info: Info, bins: Bins = DEFAULT_BINS) -> list[RetentionPoint]:
        """Return the parts; none when neither a duration nor a view is known.

        Raises BadUserInput for too many parts, TooLarge when the request's curves are too long together.
        """
        found = retention(cast("models.Movie", self), within(bins, DEFAULT_BINS, 1, MAX_BINS, "bins"))
        info.context.use("ROWS", int(found[-1].end) // models.BLOCK_SECONDS + 1 if found else 0)
        return cast("list[RetentionPoint]", found)

    @strawberry.field(
        description="Seconds that this movie was watched in each interval of a time window, in order, empty intervals "
        "included. At most 1,000 intervals."
    )
    def watch_time_series(
        self, info: Info, start: From, to: To, interval: By = IntervalOption.DAY, time_zone: TimeZone = "UTC"
    ) -> list[WatchTimePoint]:
        """Return a point for each interval. Raises BadUserInput for a window that cannot be meant."""
        return points(info, partial(series.movie_series, cast("models.Movie", self)), start, to, interval, time_zone)

    @strawberry.field(
        name="completions",
        description="How many viewers watched which share of the movie. Counts the 50,000 viewers who began it last. "
        "Empty while `durationSeconds` is unknown.",
    )
    def completion_distribution(self, info: Info, bins: Shares = DEFAULT_SHARES) -> list[CompletionBin]:
        """Return the shares. Raises BadUserInput for too many, TooLarge for too many such fields in the request."""
        info.context.use("ROWS", ROWS_OF_COMPLETIONS)
        found = completions(cast("models.Movie", self), within(bins, DEFAULT_SHARES, 1, MAX_SHARES, "bins"))
        return cast("list[CompletionBin]", found)


@strawberry_django.type(models.WatchTime, description="What one viewer watched of one movie, all events together.")
class WatchTime(Row):
    """A viewer and a movie, with their total."""

    user: User = column(description="The viewer.")
    movie: Movie = column(description="The movie.")
    last_moment: int = column(description="The furthest moment that this viewer reached, in seconds into the movie.")
    total_watch_time: Seconds = column(
        field_name="total",
        description="Seconds that this viewer watched of this movie. A part that was watched twice counts twice.",
    )
    unique_seconds: Seconds = column(description="Seconds of the movie watched at least once: `coverage`'s length.")
    coverage: list[Stretch] = column(
        field_name="stretches",
        description="The parts of the movie that this viewer watched at least once, in order; they do not overlap.",
    )
    completion: float | None = column(
        description="The share of the movie that this viewer watched, 0 to 1, such as 0.25: `uniqueSeconds` divided by "
        "the movie's `durationSeconds`; null while that is unknown."
    )
    resume_moment: int = column(description="Where to resume, in seconds into the movie: `at` of the latest event.")
    watched_at: datetime = column(description="When it was watched last, in UTC: the latest `occurredAt`.")


@strawberry.type(description="A movie and how long it was watched in a time window.")
class MovieWatchTime:
    """An entry of a list of the most watched."""

    movie: Movie = strawberry.field(description="The movie.")
    total_watch_time: Seconds = strawberry.field(description="Seconds watched by all viewers in the window.")


@strawberry_django.type(models.Event, description="A counted event: a viewer watched a movie from `start` to `at`.")
class Event(Row):
    """A row of the ledger."""

    event_id: UUID = column(description="The idempotency key that the event was published with: `id` of `EventInput`.")
    user: User = column(description="The viewer who watched.")
    movie: Movie = column(description="The movie that was watched.")
    start: int = column(description="Where the viewing began, in seconds into the movie.")
    at: int = column(description="Where the viewing ended, in seconds into the movie.")
    occurred_at: datetime = column(description="When it was watched, in UTC, as the client said.")
    received_at: datetime = column(
        description="When the service added the event to the totals, in UTC. That is later than its acceptance by "
        "`publishEvent`, by as long as the event waited in the queue."
    )
