#!/usr/bin/env python
"""Django's command-line entry point for the watch-time service."""

import errno
import logging
import os
import signal
import sys
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from project.logs import last_words
from watchtime.database import OUTAGES, explain


def main() -> None:
    """Run a command. What is wrong with settings, database or output is one line; `--traceback` shows where.

    With LOG_FORMAT=json so is everything else that ends it.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    _open_missing_outputs()
    try:
        execute_from_command_line(sys.argv)
        sys.stdout.flush()
    except ImproperlyConfigured as error:
        log_format = getattr(error, "log_format", None) or settings.LOG_FORMAT
        sys.exit(last_words(f"The settings are wrong: {error}", log_format))
    except OUTAGES as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(last_words(f"CommandError: {explain(error)}", settings.LOG_FORMAT))
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.EPIPE, errno.ENOSPC):
            _stop_without_output(error)
        if settings.LOG_FORMAT == "text":
            raise
        logging.getLogger("manage").critical("ended by an unexpected error", exc_info=True)
        sys.exit(1)


def _open_missing_outputs() -> None:
    """Let a process that was started without standard output, or without standard error, write to nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 (it stays open as long as the process)


def _stop_without_output(error: OSError) -> None:
    """End a command whose output nobody reads any more, as `head` does, or that the disk has no space for."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains of what is left to write
    if error.errno == errno.EPIPE:
        sys.exit(128 + signal.SIGPIPE)
    sys.exit(last_words(f"CommandError: cannot write: {error.strerror}", settings.LOG_FORMAT))


if __name__ == "__main__":
    main()
