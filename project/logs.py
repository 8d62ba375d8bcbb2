"""Filters for log records: secrets are hidden, and ordinary client errors are left out."""

import html
import logging
from collections.abc import Sequence

from pythonjsonlogger.json import JsonFormatter

HIDDEN = "********"
SHORTEST = 4  # characters; a shorter password would hide half of the text, and protects nothing


def redact(text: str, secrets: Sequence[str]) -> str:
    """Return a text in which the secrets are hidden, as they are and as HTML writes them."""
    for secret in secrets:
        if len(secret) >= SHORTEST:
            text = text.replace(secret, HIDDEN).replace(html.escape(secret), HIDDEN)
    return text


class JSONFormatter(JsonFormatter):
    """One JSON object a line: time, level, logger and message of a record, and what it has beside them."""

    def __init__(self) -> None:
        super().__init__(
            "{levelname}{name}{message}",
            style="{",
            timestamp=True,
            rename_fields={"levelname": "level", "name": "logger"},
        )


def last_words(message: str, log_format: str) -> str:
    """Return what a process says when it ends before its log is set up, or in place of a traceback."""
    if log_format == "text":
        return message
    return JSONFormatter().format(logging.LogRecord("manage", logging.CRITICAL, __file__, 0, message, (), None))


class SecretsFilter(logging.Filter):
    """Hides secrets in log records, in tracebacks too."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """Complete the record."""
        message = record.getMessage()
        if (shown := redact(message, self._secrets)) != message:
            record.msg, record.args = shown, ()
        if record.exc_info and record.exc_info[0]:
            traceback = logging.Formatter().formatException(record.exc_info)
            if (shown := redact(traceback, self._secrets)) != traceback:
                record.exc_text, record.exc_info = shown, None
        return True


def is_fault(record: logging.LogRecord) -> bool:
    """Say whether to log a record of Django's: not the ordinary mistakes of clients.

    Django logs each answer of status 400 and up. The reason of a 503 is logged where it arises. A request that
    Django takes for an attack, or that names an unknown host, is one line without a traceback.
    """
    if record.name.startswith("django.security"):
        record.exc_info = None
        return True
    status = getattr(record, "status_code", None)
    return status is None or (status >= 500 and status != 503)
