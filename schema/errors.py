"""What clients are told when something goes wrong."""

import logging
import re
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import uuid4

import strawberry
from django.conf import settings
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry import UNSET
from strawberry.exceptions import StrawberryInputCoercionError

from watchtime.events import FieldError, PublishFailed

LONGEST_MESSAGE = 500
_SUGGESTION = re.compile(r" Did you mean [^?]*\?")
logger = logging.getLogger(__name__)


class ErrorCode(Enum):
    """Every value of `extensions.code` that an error can have."""

    GRAPHQL_PARSE_FAILED = "The document is not GraphQL."
    GRAPHQL_VALIDATION_FAILED = "The document does not fit the schema."
    BAD_USER_INPUT = "A variable, argument, cursor or id has a wrong value."
    BAD_REQUEST = "The HTTP request is not a GraphQL request."
    FORBIDDEN = "The request came with a cookie, from another site."
    TOO_LARGE = "The request is larger, deeper or dearer than the service allows."
    TIMEOUT = "The operation took longer than the service allows."
    SERVICE_UNAVAILABLE = "The event was not stored. Send it again, with the same id."
    PERSISTED_QUERY_NOT_FOUND = "Send the document along with its hash once."
    INTERNAL_SERVER_ERROR = "The service failed; its log has the details under the requestId."


class ApiError(GraphQLError):
    """An error that clients may read as it is."""

    def __init__(self, code: ErrorCode, message: str, **extensions: Any) -> None:
        super().__init__(message, extensions={"code": code.name, **extensions})


class RequestError(ApiError):
    """A request, or an operation of a batch, that is not executed, with the HTTP status that says so."""

    def __init__(self, status: int, message: str, code: ErrorCode = ErrorCode.BAD_REQUEST) -> None:
        super().__init__(code, message)
        self.status = status


def refusal_for(error: Exception) -> RequestError:
    """Return an error outside of any field as clients may see it: itself, or a failure of the service's."""
    if isinstance(error, RequestError):
        return error
    failure = RequestError(500, "", ErrorCode.INTERNAL_SERVER_ERROR)
    failure.original_error = error
    return failure


class BadUserInput(ApiError):
    """The client sent a value that cannot be right."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.BAD_USER_INPUT, message)


def public(error: GraphQLError) -> dict[str, Any]:
    """Return an error as clients get it.

    What no client can have caused is logged under a request id, and only the id is told.
    """
    code = code_of(error)
    shape: dict[str, Any] = {"message": _message(error, code)}
    extensions = {"code": code.name, **(error.extensions or {})}
    if code is ErrorCode.INTERNAL_SERVER_ERROR:
        extensions["requestId"] = uuid4().hex
        logger.error("GraphQL request %s failed", extensions["requestId"], exc_info=error.original_error or error)
    if error.locations:
        shape["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path is not None:
        shape["path"] = error.path
    return {**shape, "extensions": extensions}


def _message(error: GraphQLError, code: ErrorCode) -> str:
    if code in _FIXED_MESSAGES:
        return _FIXED_MESSAGES[code]
    told = error.message if settings.GRAPHQL_INTROSPECTION else _SUGGESTION.sub("", error.message)
    return told if len(told) <= LONGEST_MESSAGE else f"{told[:LONGEST_MESSAGE]}..."


def code_of(error: GraphQLError) -> ErrorCode:
    """Return the code of an error, from where it arose."""
    cause = error.original_error
    if error.extensions and "code" in error.extensions:
        return ErrorCode[error.extensions["code"]]
    if isinstance(error, GraphQLSyntaxError):
        return ErrorCode.GRAPHQL_PARSE_FAILED
    if isinstance(cause, PublishFailed):
        return ErrorCode.SERVICE_UNAVAILABLE
    if cause is None or isinstance(cause, GraphQLError | StrawberryInputCoercionError):
        return ErrorCode.BAD_USER_INPUT if error.path is None else ErrorCode.INTERNAL_SERVER_ERROR
    return ErrorCode.INTERNAL_SERVER_ERROR


_FIXED_MESSAGES = {
    ErrorCode.SERVICE_UNAVAILABLE: "The event was not stored. Send it again, with the same id.",
    ErrorCode.INTERNAL_SERVER_ERROR: "The service failed. Its log has the details under this requestId.",
}


@strawberry.enum(description="What is wrong with a field.")
class UserErrorCode(Enum):
    """The codes of a UserError."""

    INVALID = strawberry.enum_value("INVALID", description="It breaks the event contract in some other way.")
    TOO_SHORT = strawberry.enum_value("TOO_SHORT", description="It has too few characters.")
    TOO_LONG = strawberry.enum_value("TOO_LONG", description="It has too many characters.")
    INVALID_CHARACTERS = strawberry.enum_value(
        "INVALID_CHARACTERS", description="It has characters that are not allowed."
    )
    OUT_OF_RANGE = strawberry.enum_value("OUT_OF_RANGE", description="It is too small or too large a number.")
    START_AFTER_AT = strawberry.enum_value("START_AFTER_AT", description="The stretch starts after its end.")
    INVALID_TIME = strawberry.enum_value("INVALID_TIME", description="It is no RFC 3339 time with an offset.")
    INVALID_UUID = strawberry.enum_value("INVALID_UUID", description="It is no UUID.")


_CODES = {
    "string_too_short": UserErrorCode.TOO_SHORT,
    "string_too_long": UserErrorCode.TOO_LONG,
    "invalid_characters": UserErrorCode.INVALID_CHARACTERS,
    "string_unicode": UserErrorCode.INVALID_CHARACTERS,
    "greater_than_equal": UserErrorCode.OUT_OF_RANGE,
    "less_than_equal": UserErrorCode.OUT_OF_RANGE,
    "start_after_at": UserErrorCode.START_AFTER_AT,
}
_CODES_OF_FIELDS = {"id": UserErrorCode.INVALID_UUID, "occurred_at": UserErrorCode.INVALID_TIME}
_GRAPHQL_NAMES = {"occurred_at": "occurredAt"}


@strawberry.type(description="Something that is wrong with an input, and where.")
class UserError:
    """One thing that the client should correct."""

    path: list[str] = strawberry.field(
        description="The way to the wrong value from the mutation's arguments, such as `events`, `3`, `at`."
    )
    code: UserErrorCode = strawberry.field(description="What is wrong, for programs.")
    message: str = strawberry.field(description="What is wrong, for people.")

    @classmethod
    def of(cls, error: FieldError, *parents: str) -> "UserError":
        """Return a field's error as clients see it, under the path of the event."""
        names, code = _told(error.field, error.code)
        return cls(path=[*parents, *names], code=code, message=error.message)


@lru_cache(maxsize=64)  # a thousand events can have six thousand errors
def _told(field: str, code: str) -> tuple[tuple[str, ...], UserErrorCode]:
    """Return the way to a field from its event, and the code that clients get."""
    names = () if field == "event" else (_GRAPHQL_NAMES.get(field, field),)
    return names, _CODES_OF_FIELDS.get(field) or _CODES.get(code, UserErrorCode.INVALID)


def sent(value: Any) -> Any:
    """Return a value that a client sent; None when it was left out."""
    return None if value is UNSET else value
