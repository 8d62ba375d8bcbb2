"""The event contract: what an event is, how it travels, and how it is published."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, NamedTuple, Self
from unicodedata import is_normalized
from uuid import UUID

from django.conf import settings
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.validators import slug_re
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError
from uuid_utils.compat import uuid7

from broker import BrokerError, default_broker
from watchtime import metrics, tracing
from watchtime.models import MAX_MOMENT, MAX_SLUG_LENGTH, MAX_USERNAME_LENGTH

MAX_MESSAGE_EVENTS = 100
MAX_REPORTED_ERRORS = 20
MAX_REPORTED_NAME = 60
REPEATED = "The name is there more than once"
NOT_AN_OBJECT = "The event is not an object"
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
# The letters that Unicode calls default ignorable: https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
INVISIBLE_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")
STRINGS = frozenset({"user", "slug", "id", "occurred_at"})  # the fields whose JSON values are strings
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_SECOND = slice(17, 19)  # of a time as RFC 3339 writes it


class PublishFailed(Exception):
    """The broker did not say that it stored every event. Publish them again, with the same ids.

    `may_be_stored` says whether some or all of them may be stored all the same.
    """

    def __init__(self, message: str, *, may_be_stored: bool = False) -> None:
        super().__init__(message)
        self.may_be_stored = may_be_stored


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


def _time(value: object) -> datetime:
    """Read a time with an offset, written as RFC 3339, section 5.6, has it, and return it in UTC.

    Other ISO 8601 forms and numbers are refused. A leap second, 23:59:60 in UTC, is read as
    the first second of the next day, as POSIX counts it.
    """
    try:
        if isinstance(value, str) and _RFC3339.fullmatch(value):
            if value[_SECOND] == "60":
                return _leap_second(value)
            value = datetime.fromisoformat(value.upper())
        if isinstance(value, datetime) and value.tzinfo:
            return value if value.tzinfo is UTC else value.astimezone(UTC)
    except ValueError as error:  # 30 February, or the hour 25
        raise PydanticCustomError("invalid_time", "Enter a time that exists: {error}", {"error": str(error)}) from None
    except OverflowError:
        raise PydanticCustomError("invalid_time", "Enter a time between the years 1 and 9999 in UTC") from None
    raise PydanticCustomError("invalid_time", "Enter an RFC 3339 time with an offset")


def _leap_second(value: str) -> datetime:
    before = datetime.fromisoformat(f"{value[:17]}59{value[19:]}".upper()).astimezone(UTC)
    if (before.hour, before.minute) != (23, 59):
        raise PydanticCustomError("invalid_time", "A leap second is 23:59:60 in UTC")
    return before + timedelta(seconds=1)


def _time_watched(value: object) -> datetime:
    time = _time(value)
    if time < EARLIEST:
        raise PydanticCustomError("time_too_early", "Enter a time from 1970 on")
    if (time - _now()).total_seconds() > settings.OCCURRED_AT_MAX_AHEAD:
        ahead = {"seconds": settings.OCCURRED_AT_MAX_AHEAD}
        raise PydanticCustomError("time_too_late", "Enter a time at most {seconds} seconds in the future", ahead)
    return time


def _now() -> datetime:
    return datetime.now(UTC)


def _one_way_to_write(name: str) -> str:
    """Return a name that looks like no other way to write the same name.

    Two viewers whose names only differ in the width of a letter, in a ligature or in a letter that nobody sees
    would be taken for one another. NFKC (https://unicode.org/reports/tr15/) is the form that such names share.
    """
    if not name.isascii() and (not is_normalized("NFKC", name) or not INVISIBLE_LETTERS.isdisjoint(name)):
        raise PydanticCustomError(
            "invalid_characters", "Write the name in Unicode's form NFKC and without invisible letters"
        )
    return name


# A viewer's name as it may stand in the ledger, which has some from before the rule of the one way to write them.
Username = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_USERNAME_LENGTH),
    _matching(
        re.compile(UnicodeUsernameValidator.regex),
        "Use letters, digits and @ . + - _ only; for any other name send an id of the viewer's",
    ),
]
NewUsername = Annotated[Username, AfterValidator(_one_way_to_write)]
_new_username = TypeAdapter(NewUsername)


def why_no_new_username(name: str) -> str | None:
    """Return what keeps a new viewer from having this name; None where nothing does."""
    try:
        _new_username.validate_python(name)
    except ValidationError as error:
        return error.errors()[0]["msg"]
    return None


Slug = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_SLUG_LENGTH),
    _matching(slug_re, "Use ASCII letters, digits, - and _ only"),
]
Moment = Annotated[int, Field(ge=0, le=MAX_MOMENT)]
Time = Annotated[datetime, BeforeValidator(_time)]


class WatchEvent(BaseModel):
    """A viewer watched a movie from `start` to `at`, in seconds.

    Both are moments of the movie, unless `positional` is false: then only their difference is known.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    user: NewUsername
    slug: Slug
    at: Moment
    positional: bool = True
    start: Moment = 0
    id: Annotated[UUID, Field(strict=False)] = Field(default_factory=uuid7)
    occurred_at: Annotated[datetime, BeforeValidator(_time_watched)] = Field(default_factory=_now)

    @field_validator("start")
    @classmethod
    def _fits_the_other_fields(cls, start: int, info: ValidationInfo) -> int:
        if start > info.data.get("at", MAX_MOMENT):
            raise PydanticCustomError("start_after_at", "Input should not be greater than at")
        if start and not info.data.get("positional", True):
            raise PydanticCustomError("start_without_position", "Input should be 0 when positional is false")
        return start

    @classmethod
    def from_fields(cls, fields: object) -> Self:
        """Make an event of decoded values (a mapping, when they are right). None is as good as left out.

        Raises InvalidEvent when they break the contract.
        """
        if isinstance(fields, dict):
            fields = {name: value for name, value in fields.items() if value is not None or name not in OPTIONAL}
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
            event = cls.model_validate_json(body)
            if _has_no_name_twice(body, [event]):
                return event
        except ValidationError:
            pass  # with null for a field that is left out it may still be valid
        try:
            return cls.from_fields(load_json(body))
        except InvalidEvent as error:
            raise InvalidEvent(error.errors, body) from None

    def encode(self) -> bytes:
        """Return the message of this event, UTF-8 JSON. Without a `positional` of true, as older consumers know it."""
        return self.model_dump_json(exclude={"positional"} if self.positional else None).encode()

    @property
    def content(self) -> tuple[str, int, int, bool]:
        """What two events of one viewer with one id must agree in to be repeats of each other."""
        return self.slug, self.start, self.at, self.positional

    @property
    def has_own_id(self) -> bool:
        """Whether the id came with the event, rather than being minted here."""
        return "id" in self.model_fields_set


OPTIONAL = {name for name, field in WatchEvent.model_fields.items() if not field.is_required()}


def publish(events: Sequence[WatchEvent]) -> None:
    """Hand events to the broker; returns when it has stored every one.

    Raises PublishFailed when that is not known of all of them.
    """
    try:
        with metrics.publishing(len(events)), tracing.published():
            default_broker().publish(encode_messages(events))
    except BrokerError as error:
        raise PublishFailed(str(error), may_be_stored=error.may_be_stored) from error


def encode_messages(events: Sequence[WatchEvent]) -> list[bytes]:
    """Return the messages that carry these events: JSON arrays of up to MAX_MESSAGE_EVENTS, an object for one alone."""
    encoded = [event.encode() for event in events]
    chunks = (encoded[start : start + MAX_MESSAGE_EVENTS] for start in range(0, len(encoded), MAX_MESSAGE_EVENTS))
    return [chunk[0] if len(chunk) == 1 else b"[" + b",".join(chunk) + b"]" for chunk in chunks]


def decode_message(body: bytes) -> list[WatchEvent | InvalidEvent]:
    """Return what a message carries, in its order: events, and an InvalidEvent for each that breaks the contract.

    The InvalidEvent holds the bytes of its element alone; the whole message when that is no
    array of 1 to MAX_MESSAGE_EVENTS elements.
    """
    if not body.lstrip(b" \t\n\r").startswith(b"["):
        return [_decode_one(body)]
    try:
        events = _EVENTS.validate_json(body)
        if _has_no_name_twice(body, events):
            return list(events)
    except ValidationError:
        pass
    try:
        return [_decode_one(element) for element in _split_array(body)]
    except InvalidEvent as error:
        return [error]


def _decode_one(body: bytes) -> WatchEvent | InvalidEvent:
    try:
        return WatchEvent.decode(body)
    except InvalidEvent as error:
        return error


_EVENTS = TypeAdapter(Annotated[list[WatchEvent], Field(min_length=1, max_length=MAX_MESSAGE_EVENTS)])


def load_json(body: bytes) -> object:
    """Return what strict JSON in UTF-8 says; an integer of more than 19 digits becomes a float.

    Raises InvalidEvent when it is something else, or has a name twice in one object.
    """
    with _json_errors(body):
        return _DECODER.decode(body.decode())


def _split_array(body: bytes) -> list[bytes]:
    """Return the elements of a JSON array as they were sent.

    Raises InvalidEvent when it is none, or has no elements or more than MAX_MESSAGE_EVENTS.
    """
    elements: list[bytes] = []
    comma: re.Match[str] | None
    with _json_errors(body):
        text = body.decode()
        comma = _BRACKET.match(text)
        while comma and len(elements) <= MAX_MESSAGE_EVENTS:
            _, end = _SCANNER.raw_decode(text, comma.end())
            elements.append(text[comma.end() : end].encode())
            comma = _COMMA.match(text, end)
        if len(elements) > MAX_MESSAGE_EVENTS:
            problem = f"A message has at most {MAX_MESSAGE_EVENTS} events"
            raise InvalidEvent([FieldError("event", "too_many_events", problem)], body)
        if not _END.fullmatch(text, end):
            raise json.JSONDecodeError("Expecting ',' or ']'", text, end)
    return elements


@contextmanager
def _json_errors(body: bytes) -> Iterator[None]:
    """Raise InvalidEvent where the message is no JSON in UTF-8."""
    try:
        yield
        return
    except UnicodeDecodeError:
        problem = "The message is not UTF-8"
    except json.JSONDecodeError as error:
        problem = f"The message is not JSON: {error}"
    except RecursionError:
        problem = "The message is not JSON: too many brackets in brackets"
    raise InvalidEvent([FieldError("event", "json_invalid", problem)], body)


def without_repeats(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """Make the dict of a JSON object; a hook for JSON decoders.

    Raises InvalidEvent, a ValueError, when a name is there more than once.
    """
    fields = dict(pairs)
    if len(fields) < len(pairs):
        repeated = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
        raise InvalidEvent([_field_error((name,), "repeated", REPEATED) for name in repeated[:MAX_REPORTED_ERRORS]])
    return fields


_SCANNER = json.JSONDecoder(parse_int=float)  # says where a value ends; integers may be of any length
_BRACKET, _COMMA, _END = (re.compile(rf"[ \t\n\r]*{sign}[ \t\n\r]*") for sign in (r"\[", ",", r"\]"))
_DECODER = json.JSONDecoder(
    object_pairs_hook=without_repeats, parse_int=lambda digits: int(digits) if len(digits) < 20 else float(digits)
)


def _has_no_name_twice(body: bytes, events: Sequence[WatchEvent]) -> bool:
    """Say whether a valid message has each name once, by its quotes; False also when they do not tell.

    A parser in Rust takes the last of several values and says nothing, and one that does not
    takes as long as all the rest.
    """
    strings = sum(len(event.model_fields_set) + len(event.model_fields_set & STRINGS) for event in events)
    return body.count(b'"') == 2 * strings and b"\\" not in body


def _field_errors(error: ValidationError) -> list[FieldError]:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        _field_error(each["loc"][:1], each["type"], NOT_AN_OBJECT if each["type"] == "model_type" else each["msg"])
        for each in details[:MAX_REPORTED_ERRORS]
    ]


@lru_cache(maxsize=64)  # a batch of invalid events has the same errors again and again
def _field_error(place: tuple[int | str, ...], code: str, message: str) -> FieldError:
    """Return an error that is safe to log and store: a field's name, and a message, can quote what was sent."""
    name = str(place[0]) if place else "event"
    return FieldError(_escaped(name)[:MAX_REPORTED_NAME], code, _escaped(message))


def _escaped(text: str) -> str:
    return text if text.isprintable() else ascii(text)[1:-1]
