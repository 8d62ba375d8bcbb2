"""The errors of the API: their codes, what clients see of them, and what the log has."""

import logging
import re
from enum import Enum
from typing import Self
from uuid import uuid4

from django.conf import settings
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.exceptions import StrawberryGraphQLError, StrawberryInputCoercionError

from schema.auth import Refused
from watchtime import database
from watchtime.events import PublishFailed

LONGEST_MESSAGE = 500
OUTAGES = (PublishFailed, *database.OUTAGES)
# What the log says before the reason (which can name hosts), and what clients are told.
_NOT_STORED = ("An event was not published", "The event was not stored. Send it again, with the same id.")
_IN_DOUBT = (
    "An event may not be published",
    "It is not known whether the event was stored. Send it again, with the same id.",
)
_NO_DATABASE = ("Answered SERVICE_UNAVAILABLE", "The service cannot answer now. Try again.")
_SUGGESTION = re.compile(r" Did you mean [^?]*\?")
logger = logging.getLogger(__name__)


class ErrorCode(Enum):
    """Every value of `extensions.code` that an error of this service has."""

    GRAPHQL_PARSE_FAILED = "The document is not GraphQL."
    GRAPHQL_VALIDATION_FAILED = "The document does not fit the schema."
    BAD_USER_INPUT = "A variable, argument, cursor or id has a wrong value."
    BAD_REQUEST = "The HTTP request is not a GraphQL request."
    UNAUTHENTICATED = "The token or the password is not valid, or one is needed."
    FORBIDDEN = "The caller may not do this, or the request came from another site."
    RATE_LIMITED = "The caller asked for too much in a minute. Try again after Retry-After seconds."
    TOO_LARGE = "The request is larger or deeper, or asks for more, than the service allows."
    TIMEOUT = "The operation took longer than the service allows."
    SERVICE_UNAVAILABLE = "The database or the broker is away. Try again; send an event again with the same id."
    PERSISTED_QUERY_NOT_FOUND = "Send the document along with its hash once."
    INTERNAL_SERVER_ERROR = "The service failed; its log has the details under the requestId."


class ApiError(GraphQLError):
    """An error whose message is meant for clients. A subclass sets its code."""

    code = ErrorCode.BAD_REQUEST

    def __init__(self, message: str, code: ErrorCode | None = None) -> None:
        super().__init__(message, extensions={"code": (code or self.code).name})


class RequestError(ApiError):
    """A request, or an operation of a batch, that is refused before it is executed, with the HTTP status to answer."""

    def __init__(self, status: int, message: str, code: ErrorCode | None = None) -> None:
        super().__init__(message, code)
        self.status = status

    @classmethod
    def of(cls, refused: Refused) -> Self:
        """Return the error for a sender who is not accepted."""
        return cls(refused.status, refused.message, _CODES[refused.status])


_CODES = {401: ErrorCode.UNAUTHENTICATED, 403: ErrorCode.FORBIDDEN, 429: ErrorCode.RATE_LIMITED}


class BadUserInput(ApiError):
    """The client sent a value that is not allowed."""

    code = ErrorCode.BAD_USER_INPUT


class TooLarge(ApiError):
    """A request asks for more than the settings allow."""

    code = ErrorCode.TOO_LARGE


def publish_to_client(errors: list[GraphQLError]) -> None:
    """Give each error its code and a message for clients, and log the errors of the service itself.

    Changes the errors in place, which Strawberry formats afterwards. A cause is logged once, however many
    fields it made fail.
    """
    request_id, logged = uuid4().hex, set[str]()
    for error in errors:
        code, cause = code_of(error), error.original_error or error
        error.extensions = {"code": code, **(error.extensions or {})}
        if isinstance(cause, OUTAGES):
            (what, error.message), reason = _outage(cause)
            if repr(cause) not in logged:
                logger.warning("%s: %s", what, reason)
        elif code == ErrorCode.INTERNAL_SERVER_ERROR.name:
            error.message = "The service failed. Its log has the details under this requestId."
            error.extensions["requestId"] = request_id
            if repr(cause) not in logged:
                logger.error("GraphQL request %s failed", request_id, exc_info=cause)
        else:
            error.message = _shortened(error.message)
        logged.add(repr(cause))


def _outage(cause: Exception) -> tuple[tuple[str, str], str]:
    """Return what the log says of an outage and what clients are told, and the reason for the log."""
    if not isinstance(cause, PublishFailed):
        return _NO_DATABASE, database.explain(cause)
    return _IN_DOUBT if cause.may_be_stored else _NOT_STORED, " ".join(str(cause).split())


def code_of(error: GraphQLError) -> str:
    """Return the code of an error: the one that it carries, else by what caused it."""
    if error.extensions and "code" in error.extensions:
        return str(error.extensions["code"])
    cause = error.original_error
    if isinstance(error, GraphQLSyntaxError):
        return ErrorCode.GRAPHQL_PARSE_FAILED.name
    if isinstance(cause, OUTAGES):
        return ErrorCode.SERVICE_UNAVAILABLE.name
    if isinstance(cause, StrawberryInputCoercionError):
        return ErrorCode.BAD_USER_INPUT.name
    if isinstance(cause, StrawberryGraphQLError):  # what Strawberry's permission classes raise
        return ErrorCode.FORBIDDEN.name
    if _is_bad_input(error):
        return ErrorCode.BAD_USER_INPUT.name
    return ErrorCode.INTERNAL_SERVER_ERROR.name


def _is_bad_input(error: GraphQLError) -> bool:
    """Say whether graphql-core refused a value of the client: a variable before any field, or an argument of one.

    What a scalar says of a value that a resolver returned names no place in the document.
    """
    cause = error.original_error
    if error.path is None:
        return cause is None or isinstance(cause, GraphQLError)
    return isinstance(cause, GraphQLError) and bool(cause.nodes)


def _shortened(message: str) -> str:
    told = message if settings.GRAPHQL_INTROSPECTION else _SUGGESTION.sub("", message)
    return told if len(told) <= LONGEST_MESSAGE else f"{told[:LONGEST_MESSAGE]}..."
