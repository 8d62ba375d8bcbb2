"""`manage.py rebuild_totals`: recompute everything that derives from the ledger."""

from typing import Any

from django.core.management.base import BaseCommand

from watchtime.ledger import count_steps, rebuild
from watchtime.progress import progress_bar


class Command(BaseCommand):
    help = "Recompute every total and all analytics from the ledger. Consumers wait while it works."

    def handle(self, **_options: Any) -> None:
        for _ in progress_bar(iterable=rebuild(), total=count_steps(), desc="rebuilding", unit=" movie"):
            pass
        self.stdout.write("Every total is what the ledger says.")
