"""The type UserError: what is wrong with an input of a mutation, as data of the answer, with its path."""

from enum import Enum
from functools import lru_cache
from typing import Self

import strawberry

from watchtime.events import FieldError


@strawberry.enum(description="What is wrong with a field of an input, for programs.")
class UserErrorCode(Enum):
    """The codes of a UserError."""

    INVALID = strawberry.enum_value(
        "INVALID", description="The value breaks a rule that has no code of its own; `message` says which."
    )
    TOO_SHORT = strawberry.enum_value("TOO_SHORT", description="The text has too few characters.")
    TOO_LONG = strawberry.enum_value("TOO_LONG", description="The text has too many characters.")
    INVALID_CHARACTERS = strawberry.enum_value(
        "INVALID_CHARACTERS", description="The text has characters that are not allowed here."
    )
    OUT_OF_RANGE = strawberry.enum_value("OUT_OF_RANGE", description="The number is too small or too large.")
    START_AFTER_AT = strawberry.enum_value("START_AFTER_AT", description="`start` is greater than `at`.")
    INVALID_TIME = strawberry.enum_value(
        "INVALID_TIME",
        description="The time is not RFC 3339 with an offset, such as `2026-01-31T20:15:00+01:00`, or before 1970, or "
        "too far in the future.",
    )
    NOT_FOUND = strawberry.enum_value("NOT_FOUND", description="No object has this name.")
    INVALID_UUID = strawberry.enum_value("INVALID_UUID", description="The value is not a UUID.")
    FORBIDDEN = strawberry.enum_value("FORBIDDEN", description="The caller may not publish for this viewer.")


_CODES = {
    "string_too_short": UserErrorCode.TOO_SHORT,
    "string_too_long": UserErrorCode.TOO_LONG,
    "invalid_characters": UserErrorCode.INVALID_CHARACTERS,
    "string_unicode": UserErrorCode.INVALID_CHARACTERS,
    "greater_than_equal": UserErrorCode.OUT_OF_RANGE,
    "less_than_equal": UserErrorCode.OUT_OF_RANGE,
    "start_after_at": UserErrorCode.START_AFTER_AT,
    "not_found": UserErrorCode.NOT_FOUND,
}
_CODES_OF_FIELDS = {"id": UserErrorCode.INVALID_UUID, "occurred_at": UserErrorCode.INVALID_TIME}
_GRAPHQL_NAMES = {"occurred_at": "occurredAt", "duration_seconds": "durationSeconds"}


@strawberry.type(description="One thing that is wrong with an input, and where.")
class UserError:
    """One thing that the client should correct."""

    path: list[str] = strawberry.field(
        description="The path to the wrong value from the mutation's arguments, such as `events`, `3`, `at`: field "
        "`at` of event 3, counted from 0."
    )
    code: UserErrorCode = strawberry.field(description="What is wrong, for programs.")
    message: str = strawberry.field(description="What is wrong, for people. The text may change.")

    @classmethod
    def of(cls, error: FieldError, *parents: str) -> Self:
        """Return a field's error as clients see it, under the path of what has the field."""
        names, code = _place_and_code(error.field, error.code)
        return cls(path=[*parents, *names], code=code, message=error.message)

    @classmethod
    def unknown(cls, *path: str) -> Self:
        """Return the error of a field that an event does not have."""
        return cls(path=[*path], code=UserErrorCode.INVALID, message="Extra inputs are not permitted")

    @classmethod
    def not_found(cls, *path: str) -> Self:
        """Return the error of a name that nothing has."""
        return cls(path=[*path], code=UserErrorCode.NOT_FOUND, message="No object has this name")

    @classmethod
    def forbidden(cls, *path: str) -> Self:
        """Return the error of an event for a viewer whom the caller may not publish for."""
        return cls(path=[*path], code=UserErrorCode.FORBIDDEN, message="You may publish only your own events")


@lru_cache(maxsize=64)  # a thousand events can have six thousand errors
def _place_and_code(field: str, code: str) -> tuple[tuple[str, ...], UserErrorCode]:
    """Return the way to a field from its event, and the code that clients get."""
    if field == "event":
        return (), _CODES.get(code, UserErrorCode.INVALID)
    default = _CODES.get(code, UserErrorCode.INVALID)
    return (_GRAPHQL_NAMES.get(field, field),), _CODES_OF_FIELDS.get(field, default)
