#!/usr/bin/env python
"""Django's command-line entry point for the watch-time service."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import InterfaceError, OperationalError


def main() -> None:
    """Run a command. Settings and a database that cannot be used are one line, not a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"The settings are wrong: {error}")
    except (OperationalError, InterfaceError) as error:
        from watchtime.database import explain

        sys.exit(f"CommandError: {explain(error)}")


if __name__ == "__main__":
    main()
