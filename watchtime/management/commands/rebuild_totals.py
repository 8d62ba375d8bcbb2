"""`manage.py rebuild_totals`: recompute everything that derives from the ledger."""

from typing import Any

from django.core.management.base import CommandError

from watchtime.commands import ServiceCommand
from watchtime.ledger import count_steps, rebuild
from watchtime.migrated import how_to_migrate, unapplied_migrations
from watchtime.progress import progress_bar


class Command(ServiceCommand):
    help = "Recompute every total and all analytics from the ledger. Consumers wait while it works."

    def handle(self, **_options: Any) -> None:
        if missing := unapplied_migrations():
            raise CommandError(how_to_migrate(missing))
        for _ in progress_bar(iterable=rebuild(), total=count_steps(), desc="rebuilding", unit=" movie"):
            pass
        self.stdout.write("Every total is what the ledger says.")
