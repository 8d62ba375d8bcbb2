"""`manage.py issue_token`: make a bearer token."""

import re
from typing import Any

from django.core.management.base import CommandError, CommandParser

from watchtime import audit
from watchtime.access import SERVICES_MAY, VIEWERS_MAY
from watchtime.commands import ServiceCommand
from watchtime.tokens import InvalidToken, issue

SCOPES = (*SERVICES_MAY, *VIEWERS_MAY)
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
LONGEST = 366 * 86_400


class Command(ServiceCommand):
    help = f"Print a token for the Authorization header, signed by JWT_SECRET. Scopes: {', '.join(SCOPES)}."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--subject", required=True, help="the service's name; with the scope viewer, the username")
        parser.add_argument(
            "--scope", required=True, help='what the token allows, such as "events:publish totals:read"'
        )
        parser.add_argument("--expires", default="1h", help="how long it is good for, such as 90s, 15m, 1h, 30d")

    def handle(self, *, subject: str, scope: str, expires: str, **_options: Any) -> None:
        scopes, lifetime = scope.split(), _seconds(expires)
        if unknown := sorted({*scopes} - {*SCOPES}) or not scopes:
            raise CommandError(f"--scope takes {', '.join(SCOPES)}, not {unknown or 'nothing'}")
        try:
            token = issue(subject, scopes, lifetime)
        except InvalidToken as error:
            raise CommandError(f"no token was made: {error}") from None
        audit.record(audit.operator(), "issue_token", subject=subject, scopes=scopes, seconds=lifetime)
        self.stdout.write(token)


def _seconds(text: str) -> int:
    """Return the seconds of a lifetime. Raises CommandError when it is not one of up to a year."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    seconds = int(match[1]) * SECONDS[match[2]] if match else 0
    if not 0 < seconds <= LONGEST:
        raise CommandError(f"--expires takes 1s to 366d, such as 90s, 15m, 1h or 30d, not {text!r}")
    return seconds
