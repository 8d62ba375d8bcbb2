"""The requests and answers of the REST paths, with the schema names of the old service's OpenAPI document."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from ninja import Field, Schema
from pydantic import AwareDatetime, ConfigDict
from pydantic.config import JsonDict
from uuid_utils.compat import uuid7

from watchtime.models import MAX_MOMENT, MAX_SECONDS, MAX_SLUG_LENGTH, MAX_USERNAME_LENGTH, Movie

Seconds = Annotated[int, Field(ge=0, le=MAX_SECONDS, json_schema_extra={"format": "int64"})]
Moment = Annotated[int, Field(ge=0, le=MAX_MOMENT)]
# A version 7 UUID, as clients should make them: in the order of time, which keeps the ledger's index small.
EXAMPLE: JsonDict = {"id": "019a9c5e-7b40-7c11-9d60-3a2b6f0c1d2e", "user": "ann", "slug": "heat", "start": 0, "at": 407}


class EventSerializer(Schema):
    """A viewer watched a movie from `start` to `at`, in seconds. In a request null means the same as left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    user: str = Field(
        min_length=1,
        max_length=MAX_USERNAME_LENGTH,
        description="The viewer's username: letters, digits and @ . + - _ only; upper and lower case differ. "
        "For a name with other characters send an id of the viewer, such as a UUID.",
    )
    slug: str = Field(
        min_length=1,
        max_length=MAX_SLUG_LENGTH,
        pattern="^[-a-zA-Z0-9_]+$",
        description="The movie's slug, such as `heat`.",
    )
    at: Moment = Field(description="Where the viewing ended, in seconds into the movie.")
    start: Moment | None = Field(
        0, description="Where the viewing began, in seconds into the movie, not greater than `at`."
    )
    id: UUID | None = Field(
        default_factory=uuid7, description="The idempotency key: a viewer's event with a known id is not counted again."
    )
    occurred_at: AwareDatetime | None = Field(
        default_factory=lambda: datetime.now(UTC),
        description="When it was watched, an RFC 3339 time from 1970 to a day from now; now when it is left out.",
    )
    positional: bool | None = Field(
        True,
        description="Whether `start` and `at` are moments of the movie. Send false when only the length of the viewing "
        "is known: then `start` is 0 and `at` is the length, in seconds.",
    )
    received_at: AwareDatetime = Field(
        description="When the service added it to the totals.", json_schema_extra={"readOnly": True}
    )


class EventPage(Schema):
    """A page of the counted events, the latest `occurred_at` first, with the URLs of the pages around it."""

    next: str | None
    previous: str | None
    results: list[EventSerializer]


class UserTotalWatchTimeSerializer(Schema):
    """The seconds that a viewer watched, of all movies."""

    username: str
    total_watch_time: Seconds


class MovieTotalWatchTimeSerializer(Schema):
    """The seconds that all viewers watched of a movie."""

    title: str | None = Field(description="The movie's title; null while it has none.")
    slug: str
    total_watch_time: Seconds

    @staticmethod
    def resolve_title(movie: Movie) -> str | None:
        """Return the title that the old service had: null where there is none."""
        return movie.title or None


class UserMovieTotalWatchTimeSerializer(Schema):
    """The seconds that a viewer watched of a movie."""

    get_total_watch_time_per_user_movie: Seconds


class Problem(Schema):
    """What went wrong."""

    detail: str


class FieldProblem(Schema):
    """What is wrong with one field; with all of it, when the field is "event"."""

    field: str
    message: str


class InvalidData(Problem):
    """What is wrong with the request, field by field."""

    errors: list[FieldProblem]


class NotStored(Problem):
    """The event may not be stored. Send it again with this id: it is counted once."""

    id: UUID
