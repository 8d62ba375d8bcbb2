"""What the legacy REST paths take in and give out, under the names that the old service's document had."""

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
# A version 7 UUID, as clients make them: they come in the order of time, which the ledger's index likes.
EXAMPLE: JsonDict = {"id": "019a9c5e-7b40-7c11-9d60-3a2b6f0c1d2e", "user": "ann", "slug": "heat", "start": 0, "at": 407}


class EventSerializer(Schema):
    """A viewer watched a movie from `start` to `at`, in seconds. In a request null is as good as left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    user: str = Field(
        min_length=1,
        max_length=MAX_USERNAME_LENGTH,
        description="The viewer's name: letters, digits and @ . + - _ only; upper and lower case differ. "
        "For any other name send an id of it, such as a UUID.",
    )
    slug: str = Field(
        min_length=1, max_length=MAX_SLUG_LENGTH, pattern="^[-a-zA-Z0-9_]+$", description="The movie's slug."
    )
    at: Moment = Field(description="The moment that the viewing reached.")
    start: Moment | None = Field(0, description="The moment where it began, not greater than `at`.")
    id: UUID | None = Field(default_factory=uuid7, description="The idempotency key: each id is counted once.")
    occurred_at: AwareDatetime | None = Field(
        default_factory=lambda: datetime.now(UTC),
        description="When it was watched, as RFC 3339 writes it, from 1970 to a day ahead; now, when it is left out.",
    )
    positional: bool | None = Field(
        True,
        description="Whether `start` and `at` are moments of the movie. False: only their difference is known, "
        "and `start` is 0.",
    )
    received_at: AwareDatetime = Field(description="When it was counted.", json_schema_extra={"readOnly": True})


class EventPage(Schema):
    """A page of the ledger, newest first, with the addresses of the pages around it."""

    next: str | None
    previous: str | None
    results: list[EventSerializer]


class UserTotalWatchTimeSerializer(Schema):
    """What a viewer watched of all movies, in seconds."""

    username: str
    total_watch_time: Seconds


class MovieTotalWatchTimeSerializer(Schema):
    """What all viewers watched of a movie, in seconds."""

    title: str | None = Field(description="Null where the movie has no title yet.")
    slug: str
    total_watch_time: Seconds

    @staticmethod
    def resolve_title(movie: Movie) -> str | None:
        """Return the title that the old service had: null where there is none."""
        return movie.title or None


class UserMovieTotalWatchTimeSerializer(Schema):
    """What a viewer watched of a movie, in seconds."""

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
    """The event is not known to be stored. Repeat it with this id, and it is counted once."""

    id: UUID
