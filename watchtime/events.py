"""The event contract: what an event is, how it travels, and how it is published."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, NamedTuple, Self
from uuid import UUID

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.validators import slug_re
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError
from uuid_utils.compat import uuid7

from broker import BrokerError, default_broker
from watchtime.models import MAX_MOMENT, MAX_SLUG_LENGTH, MAX_USERNAME_LENGTH

MAX_REPORTED_ERRORS = 20
MAX_REPORTED_NAME = 60
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


class PublishFailed(Exception):
    """The broker did not say that it stored every event. Publish them again, with the same ids."""


class FieldError(NamedTuple):
    """One thing that is wrong with an event. `field` is "event" when no single field is to blame."""

    field: str
    code: str
    message: str


class InvalidEvent(ValueError):
    """An event that breaks the contract: what is wrong with it, and its bytes when it came as bytes."""

    def __init__(self, errors: Sequence[FieldError], body: bytes | None = None) -> None:
        self.errors = tuple(errors)
        self.body = body
        super().__init__(self.errors)

    def __str__(self) -> str:
        return "; ".join(f"{error.field}: {error.message}" for error in self.errors)


def _matching(pattern: "re.Pattern[str]", message: str) -> AfterValidator:
    match = pattern.match  # bound once: Django's patterns are lazy, which costs more than the match

    def check(value: str) -> str:
        if not match(value):
            raise PydanticCustomError("invalid_characters", message)
        return value

    return AfterValidator(check)


def _rfc3339(value: object) -> object:
    """Read a time as RFC 3339, section 5.6, writes it; other ISO 8601 forms and numbers are refused."""
    if isinstance(value, str):
        if not _RFC3339.fullmatch(value):
            raise PydanticCustomError("invalid_time", "Enter an RFC 3339 time with an offset")
        value = datetime.fromisoformat(value.upper())
    return value


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("invalid_time", "Enter a time between the years 1 and 9999 in UTC") from None


def _now() -> datetime:
    return datetime.now(UTC)


Username = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_USERNAME_LENGTH),
    _matching(re.compile(UnicodeUsernameValidator.regex), "Use letters, digits and @ . + - _ only"),
]
Slug = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_SLUG_LENGTH),
    _matching(slug_re, "Use ASCII letters, digits, - and _ only"),
]
Moment = Annotated[int, Field(ge=0, le=MAX_MOMENT)]
Time = Annotated[AwareDatetime, BeforeValidator(_rfc3339), AfterValidator(_to_utc)]


class WatchEvent(BaseModel):
    """A viewer watched a movie from `start` to `at` (moments of the movie, in seconds)."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    user: Username
    slug: Slug
    at: Moment
    start: Moment = 0
    id: Annotated[UUID, Field(strict=False)] = Field(default_factory=uuid7)
    occurred_at: Time = Field(default_factory=_now)

    @field_validator("start")
    @classmethod
    def _starts_before_at(cls, start: int, info: ValidationInfo) -> int:
        if start > info.data.get("at", MAX_MOMENT):
            raise PydanticCustomError("start_after_at", "Input should not be greater than at")
        return start

    @classmethod
    def from_fields(cls, fields: object) -> Self:
        """Make an event of decoded values (a mapping, when they are right).

        Raises InvalidEvent when they break the contract.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise InvalidEvent(_field_errors(error)) from None

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Make an event of a message.

        Raises InvalidEvent, with the message in it, when it is no JSON or breaks the contract.
        """
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            raise InvalidEvent(_explain(body) or _field_errors(error), body) from None

    def encode(self) -> bytes:
        """Return the message of this event: UTF-8 JSON."""
        return self.model_dump_json().encode()

    @property
    def content(self) -> tuple[str, str, int, int]:
        """What two events with one id must agree in to be repeats of each other."""
        return self.user, self.slug, self.start, self.at

    @property
    def has_own_id(self) -> bool:
        """Whether the id came with the event, rather than being minted here."""
        return "id" in self.model_fields_set


def publish(events: Sequence[WatchEvent]) -> None:
    """Hand events to the broker; returns when it has stored every one.

    Raises PublishFailed when that is not known of all of them.
    """
    try:
        default_broker().publish([event.encode() for event in events])
    except BrokerError as error:
        raise PublishFailed(str(error)) from error


def _explain(body: bytes) -> Sequence[FieldError]:
    """Say which field makes a message invalid, also where a strict JSON parser only says where it stopped.

    Slow, for messages that were refused already: integers of any length and lone
    surrogates pass here, so that the validation can name their field.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return [FieldError("event", "json_invalid", "The message is not UTF-8")]
    try:
        WatchEvent.from_fields(json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 20 else digits))
    except InvalidEvent as error:
        return error.errors
    except (ValueError, RecursionError):
        pass  # no JSON at all: the strict parser's message is the better one
    return []


def _field_errors(error: ValidationError) -> list[FieldError]:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return [_field_error(detail["loc"][:1], detail["type"], detail["msg"]) for detail in details[:MAX_REPORTED_ERRORS]]


@lru_cache(maxsize=64)  # a batch of invalid events has the same errors again and again
def _field_error(place: tuple[int | str, ...], code: str, message: str) -> FieldError:
    """Return an error with the field's name as the sender wrote it, safe to log and store: it can be anything."""
    name = place[0] if place else "event"
    return FieldError(ascii(name)[1:-1][:MAX_REPORTED_NAME] if isinstance(name, str) else str(name), code, message)
