#!/usr/bin/env python
"""Django's command-line entry point for the watch-time service."""

import logging
import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from project.logs import last_words
from watchtime.database import OUTAGES, explain


def main() -> None:
    """Run a command. Settings and a database that cannot be used are one line; `--traceback` shows where.

    With LOG_FORMAT=json so is everything else that ends it.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        log_format = getattr(error, "log_format", None) or settings.LOG_FORMAT
        sys.exit(last_words(f"The settings are wrong: {error}", log_format))
    except OUTAGES as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(last_words(f"CommandError: {explain(error)}", settings.LOG_FORMAT))
    except Exception:
        if settings.LOG_FORMAT == "text":
            raise
        logging.getLogger("manage").critical("ended by an unexpected error", exc_info=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
