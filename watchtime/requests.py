"""The request that is being answered: its id, which its messages carry, and the names that metrics and logs use.

No personal data belongs in these: they are logged, and kept where metrics are collected.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from uuid_utils import uuid7

from broker.headers import message_headers

REQUEST_ID = "x-request-id"  # the header of a request and of a message
_WELL_FORMED = re.compile(r"[A-Za-z0-9._:+/=-]{1,100}")


@dataclass(slots=True)
class CurrentRequest:
    """A request, by its id and the endpoint that answers it. `operation` is one of a fixed set of names."""

    id: str
    endpoint: str
    operation: str = "none"


_current: ContextVar[CurrentRequest | None] = ContextVar("request", default=None)


@contextmanager
def answering(request: CurrentRequest) -> Iterator[CurrentRequest]:
    """Make a request the current one of this thread or task; its messages carry its id."""
    token = _current.set(request)
    try:
        with message_headers({REQUEST_ID: request.id}):
            yield request
    finally:
        _current.reset(token)


def current_endpoint() -> str:
    """Return the name of the endpoint that answers the current request; "command" outside of requests."""
    request = _current.get()
    return request.endpoint if request else "command"


def name_operation(name: str) -> None:
    """Say what the current request does. The name must come from the service, never from a client."""
    if request := _current.get():
        request.operation = name


def request_id_of(given: str | None) -> str:
    """Return the id that a proxy or a client gave, if it is well formed, else a new one."""
    return given if given and _WELL_FORMED.fullmatch(given) else str(uuid7())


def request_id_in(headers: Mapping[str, Any] | None) -> str | None:
    """Return the request's id that a message carries. The queue is not trusted: anything else is no id."""
    value = (headers or {}).get(REQUEST_ID)
    return value if isinstance(value, str) and _WELL_FORMED.fullmatch(value) else None


class RequestFilter(logging.Filter):
    """Adds the current request's id to log records, and takes paths out of Django's, which hold usernames."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Complete the record."""
        current = _current.get()
        if current and not hasattr(record, "request_id"):
            record.request_id = current.id
        if record.name.startswith("django.") and hasattr(record, "request"):
            del record.request
        if record.name == "django.request" and hasattr(record, "status_code"):
            operation = current.operation if current else "none"
            record.msg, record.args = "%s: status %s", (operation, record.status_code)
        return True


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _visible(text: str) -> str:
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


class TextFormatter(logging.Formatter):
    """Lines for people, with the request's id at the end of those that have one.

    A message is one line whatever is in it, and a traceback's lines are indented, so that no name can forge a line.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """Return the message with control characters escaped."""
        record.message = _visible(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 (logging's name)
        """Return a traceback, indented, with control characters escaped."""
        return "\n".join(f"  {_visible(line)}" for line in super().formatException(ei).split("\n"))

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line, newline, rest = super().format(record).partition("\n")
        request_id = getattr(record, "request_id", None)
        return (f"{line} [{request_id}]" if request_id else line) + newline + rest
