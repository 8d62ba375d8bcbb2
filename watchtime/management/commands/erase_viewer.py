"""`manage.py erase_viewer USERNAME`: erase everything that is held of a viewer."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import OperationalError

from watchtime import audit
from watchtime.commands import ServiceCommand
from watchtime.erasure import UnknownViewer, count_movies, erase
from watchtime.progress import progress_bar


class Command(ServiceCommand):
    help = (
        "Erase a viewer with everything that is held of them, and take it out of the movies' numbers, in one "
        "transaction. Consumers wait meanwhile. Events of theirs that still wait do not bring them back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", metavar="USERNAME", help="the viewer's name")

    def handle(self, *, username: str, **_options: Any) -> None:
        try:
            with progress_bar(total=count_movies(username), desc="erasing", unit=" movies") as bar:
                events = erase(username, bar.update)
        except UnknownViewer:
            raise CommandError(f"there is no viewer {username!a}") from None
        except OperationalError as error:
            raise CommandError(f"nothing was erased, run it again: {error}") from error
        audit.record(audit.operator(), "erase_viewer", username=username, events=events)
        self.stdout.write(f"Erased the viewer with {events} events.")
