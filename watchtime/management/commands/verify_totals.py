"""`manage.py verify_totals`: compare every total with the ledger."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from watchtime.ledger import COMPARISONS, differences
from watchtime.progress import progress_bar

SHOWN = 20


class Command(BaseCommand):
    help = "Compare every total with the ledger; exit 1 when any differs."

    def handle(self, **_options: Any) -> None:
        found = 0
        for kind in progress_bar(iterable=COMPARISONS, desc="verifying", unit=" table"):
            for difference in differences(kind):
                found += 1
                if found <= SHOWN:
                    self.stderr.write(str(difference))
        if found:
            raise CommandError(f"{found} totals differ from the ledger; rebuild_totals makes them anew")
        self.stdout.write("Every total agrees with the ledger.")
