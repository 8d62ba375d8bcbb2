"""`manage.py serve`: the web server, the one for production."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels


class Command(BaseCommand):
    help = "Serve the API on HOST and PORT with WEB_WORKERS processes of WEB_THREADS threads each."

    def handle(self, **_options: Any) -> None:
        try:
            Granian(
                "project.wsgi:application",
                address=settings.HOST,
                port=settings.PORT,
                interface=Interfaces.WSGI,
                workers=settings.WEB_WORKERS,
                blocking_threads=settings.WEB_THREADS,
                backpressure=4 * settings.WEB_THREADS,
                respawn_failed_workers=True,
                websockets=False,
                log_level=LogLevels.warning,
            ).serve()
        except OSError as error:
            raise CommandError(f"cannot listen on {settings.HOST}:{settings.PORT}: {error}") from error
