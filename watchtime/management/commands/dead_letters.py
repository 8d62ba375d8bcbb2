"""`manage.py dead_letters`: what was refused, and why."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from broker import BrokerError, DeadLetter, default_broker

DEFAULT_LIMIT = 100


class Command(BaseCommand):
    help = "List the messages that were refused, as JSON lines with their reasons; publish them again; or delete them."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="show the oldest ones and leave them")
        listing.add_argument("--limit", type=int, default=DEFAULT_LIMIT, help="how many, %(default)s by default")
        actions.add_parser("replay", help="publish every one again; what has an id is counted once")
        actions.add_parser("purge", help="delete every one")

    def handle(self, *, action: str, limit: int = DEFAULT_LIMIT, **_options: Any) -> None:
        broker = default_broker()
        try:
            if action == "list":
                for letter in broker.list_dead_letters(limit):
                    self.stdout.write(_line(letter))
            elif action == "replay":
                self.stdout.write(f"Replayed {broker.replay_dead_letters()} dead letters.")
            else:
                self.stdout.write(f"Purged {broker.purge_dead_letters()} dead letters.")
        except BrokerError as error:
            raise CommandError(str(error)) from error


def _line(letter: DeadLetter) -> str:
    first_seen = letter.first_seen.isoformat() if letter.first_seen else None
    body = letter.body.decode(errors="backslashreplace")
    return json.dumps({"first_seen": first_seen, "reason": letter.reason, "body": body})
