"""`manage.py serve`: the web server, the one for production."""

import multiprocessing
import os
import socket
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels


class Command(BaseCommand):
    help = "Serve the API on HOST and PORT with WEB_WORKERS processes of WEB_THREADS threads each."

    def handle(self, **_options: Any) -> None:
        _require_free_port()
        if settings.ALLOW_ANONYMOUS:
            self.stderr.write("ALLOW_ANONYMOUS is true: whoever is on this machine may publish and read everything.")
        with TemporaryDirectory(prefix="watchtime-metrics-") as directory:
            # Workers must find the directory when they first import prometheus_client: a fork has imported it already.
            os.environ.update(PROMETHEUS_MULTIPROC_DIR=directory)
            multiprocessing.set_start_method("spawn")
            self._serve()

    def _serve(self) -> None:
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
            log_level=LogLevels.error,
        ).serve()


def _require_free_port() -> None:
    """Raise CommandError when the port is taken: granian's workers would share it with whoever has it."""
    family = socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just left is free
        try:
            probe.bind((settings.HOST, settings.PORT))
        except (OSError, OverflowError) as error:
            raise CommandError(f"cannot listen on {settings.HOST}:{settings.PORT}: {error}") from error
