"""`manage.py verify_totals`: compare everything that derives from the ledger with it."""

from typing import Any

from django.core.management.base import CommandError

from watchtime.commands import ServiceCommand
from watchtime.ledger import count_steps, verify
from watchtime.migrated import how_to_migrate, unapplied_migrations
from watchtime.progress import progress_bar

SHOWN = 20


class Command(ServiceCommand):
    help = "Compare every total and all analytics with the ledger; exit 1 when any number differs."

    def handle(self, **_options: Any) -> None:
        if missing := unapplied_migrations():
            raise CommandError(how_to_migrate(missing))
        found = 0
        for differences in progress_bar(iterable=verify(), total=count_steps(), desc="verifying", unit=" movie"):
            for difference in differences[: max(0, SHOWN - found)]:
                self.stderr.write(str(difference))
            found += len(differences)
        if found:
            raise CommandError(f"{found} numbers differ from the ledger; rebuild_totals recomputes them")
        self.stdout.write("Every total agrees with the ledger.")
