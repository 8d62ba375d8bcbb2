"""`manage.py dead_letters`: what was refused, and why."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from broker import MAX_PREFETCH, Broker, BrokerError, DeadLetter, default_broker
from watchtime import audit
from watchtime.arguments import whole_number
from watchtime.commands import ServiceCommand

DEFAULT_LIMIT = 100


class Command(ServiceCommand):
    help = "List the messages that were refused, as JSON lines with their reasons; publish them again; or delete them."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="show the oldest ones and leave them")
        listing.add_argument(
            "--limit",
            type=whole_number(1, MAX_PREFETCH),
            default=DEFAULT_LIMIT,
            metavar="N",
            help=f"how many, 1 to {MAX_PREFETCH}; %(default)s by default",
        )
        actions.add_parser("replay", help="publish every one again; what was counted before is not counted twice")
        purge = actions.add_parser("purge", help="delete every one")
        purge.add_argument("--yes", action="store_true", help="really delete them")

    def handle(self, *, action: str, limit: int = DEFAULT_LIMIT, yes: bool = False, **_options: Any) -> None:
        broker = default_broker()
        try:
            if action == "list":
                self._list(broker, limit)
            elif action == "replay":
                number = broker.replay_dead_letters()
                audit.record(audit.operator(), "dead_letters replay", dead_letters=number)
                self.stdout.write(f"Replayed {number} dead letters.")
            else:
                self._purge(broker, yes)
        except BrokerError as error:
            raise CommandError(str(error)) from error

    def _list(self, broker: Broker, limit: int) -> None:
        shown = 0
        try:
            for letter in broker.iterate_dead_letters(limit):
                self.stdout.write(_line(letter))
                shown += 1
        except BrokerError as error:
            raise CommandError(f"{error}; {shown} dead letters are shown, more may be there") from error

    def _purge(self, broker: Broker, yes: bool) -> None:
        if not yes:
            raise CommandError(
                f"there are {broker.depths().dead} dead letters: `dead_letters purge --yes` deletes every one for good"
            )
        number = broker.purge_dead_letters()
        audit.record(audit.operator(), "dead_letters purge", dead_letters=number)
        self.stdout.write(f"Purged {number} dead letters.")


def _line(letter: DeadLetter) -> str:
    first_seen = letter.first_seen.isoformat() if letter.first_seen else None
    body = letter.body.decode(errors="backslashreplace")
    return json.dumps({"first_seen": first_seen, "reason": letter.reason, "body": body})
