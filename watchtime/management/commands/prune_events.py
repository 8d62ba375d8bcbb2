"""`manage.py prune_events --before DATE`: take old rows out of the ledger; every total stays."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from watchtime import audit
from watchtime.commands import ServiceCommand
from watchtime.migrated import how_to_migrate, unapplied_migrations
from watchtime.models import Event
from watchtime.progress import progress_bar
from watchtime.pruning import prune


def a_time(text: str) -> datetime:
    """Read a date, which is its first moment in UTC, or a time with an offset. Raises ArgumentTypeError."""
    try:
        value = datetime.fromisoformat(text)
        if value.tzinfo is None and len(text) > len("2026-01-31"):
            raise ArgumentTypeError(f"a time needs an offset, such as 2026-01-31T12:00:00Z, not {text!a}")
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # OverflowError: an offset that leads out of the years 1 to 9999
        raise ArgumentTypeError(f"write a date or an RFC 3339 time, such as 2026-01-31, not {text!a}") from None


class Command(ServiceCommand):
    help = (
        "Take the events that were watched before a date out of the ledger. Every total, coverage, curve and series "
        "stays, and repeats of these events are still not counted twice. It can be interrupted and run again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--before", type=a_time, required=True, metavar="DATE", help="a date (UTC), or a time with an offset"
        )

    def handle(self, *, before: datetime, **_options: Any) -> None:
        if missing := unapplied_migrations():
            raise CommandError(how_to_migrate(missing))
        total = Event.objects.filter(occurred_at__lt=before).count()
        pruned = 0
        with progress_bar(total=total, desc="pruning", unit=" events") as bar:
            for number in prune(before):
                pruned += number
                bar.update(number)
        audit.record(audit.operator(), "prune_events", before=before, events=pruned)
        self.stdout.write(f"Pruned {pruned} events watched before {before.isoformat()}; every total stays.")
