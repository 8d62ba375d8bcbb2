"""`manage.py export_viewer USERNAME`: write everything that is held of a viewer."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from watchtime import audit
from watchtime.commands import ServiceCommand
from watchtime.export import count, export
from watchtime.models import CustomUser
from watchtime.progress import progress_bar


class Command(ServiceCommand):
    help = (
        "Write everything that is held of a viewer to standard output, as JSON lines. What still waits in the queue, "
        "or lies among the dead letters, is not held yet and not in it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", metavar="USERNAME", help="the viewer's name")

    def handle(self, *, username: str, **_options: Any) -> None:
        with transaction.atomic():
            viewer = CustomUser.objects.filter(username=username).first()
            if viewer is None:
                raise CommandError(f"there is no viewer {username!a}")
            total = count(viewer)
            for row in progress_bar(iterable=export(viewer), total=total, desc="exporting", unit=" rows"):
                self.stdout.write(json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False))
        audit.record(audit.operator(), "export_viewer", username=username, rows=total)
