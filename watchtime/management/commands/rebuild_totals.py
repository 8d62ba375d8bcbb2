"""`manage.py rebuild_totals`: make every total anew from the ledger."""

from typing import Any

from django.core.management.base import BaseCommand

from watchtime.ledger import REBUILD_STEPS, rebuild
from watchtime.progress import progress_bar


class Command(BaseCommand):
    help = "Make every total anew from the ledger. Consumers wait while it works."

    def handle(self, **_options: Any) -> None:
        for _ in progress_bar(iterable=rebuild(), total=len(REBUILD_STEPS), desc="rebuilding", unit=" step"):
            pass
        self.stdout.write("Every total is what the ledger says.")
