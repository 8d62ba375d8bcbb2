"""`manage.py serve`: the web server, the one for production."""

import logging
import multiprocessing
import resource
import socket
import threading
import time
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError, connections
from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels

from watchtime.database import explain
from watchtime.migrated import how_to_migrate, unapplied_migrations
from watchtime.postgresql.base import DatabaseWrapper
from watchtime.processes import ChildCommand, stop_with

logger = logging.getLogger(__name__)

IDLE_TIMEOUT = 75_000  # milliseconds that a connection may take for a request's headers, or be idle between requests
CONNECTIONS = 10_000  # that a worker holds; more wait until others are closed
HANDOVER = 10.0  # seconds from the start of a worker to the end of the one that it replaces
CHECK_INTERVAL = 0.1  # seconds
BANNER = """Listening on {base} ({workers} x {threads} threads)

  Dashboard {base}/
  GraphiQL  {base}/graphql/
  REST      {base}/swagger/
  Admin     {base}/admin/
"""


class Command(ChildCommand):
    help = (
        "Serve the API on HOST and PORT with WEB_WORKERS processes of WEB_THREADS threads each. "
        "SIGHUP replaces the workers one after the other and refuses no request; SIGTERM finishes requests and stops."
    )

    def handle(self, *, parent: int | None, **_options: Any) -> None:
        if parent is not None:
            stop_with(parent)
        DatabaseWrapper.statement_timeout = settings.DATABASE_TIMEOUT
        _look_at_the_database()
        _require_free_port()
        _allow_open_files(CONNECTIONS + 1000)
        if settings.ALLOW_ANONYMOUS:
            logger.warning("ALLOW_ANONYMOUS is true: anyone on this machine may publish and read everything.")
        with TemporaryDirectory(prefix="watchtime-metrics-") as directory:
            # Workers must find the directory when they first import prometheus_client: a fork has imported it already.
            # And a process that starts afresh runs, after SIGHUP, the code that is there then.
            settings.SET_FOR_CHILDREN("PROMETHEUS_MULTIPROC_DIR", directory)
            multiprocessing.set_start_method("spawn")
            self._serve()

    def _serve(self) -> None:
        server = Granian(
            "project.asgi:application",
            address=settings.HOST,
            port=settings.PORT,
            interface=Interfaces.ASGINL,
            loop=Loops.uvloop,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=IDLE_TIMEOUT),
            workers=settings.WEB_WORKERS,
            backpressure=CONNECTIONS,
            respawn_failed_workers=True,
            respawn_interval=HANDOVER,
            websockets=False,
            log_level=LogLevels.error,
            log_dictconfig=settings.LOGGING,
        )
        server.on_startup(threading.Thread(target=self._announce, daemon=True).start)
        server.serve()

    def _announce(self) -> None:
        """Say so as soon as a worker listens."""
        while socket.socket(_family()).connect_ex((settings.HOST, settings.PORT)):
            time.sleep(CHECK_INTERVAL)
        host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
        base, workers, threads = f"http://{host}:{settings.PORT}", settings.WEB_WORKERS, settings.WEB_THREADS
        self.stdout.write(BANNER.format(base=base, workers=workers, threads=threads))
        self.stdout.flush()


def _look_at_the_database() -> None:
    """Raise CommandError when migrations are missing. A database that is away may come back: that is a warning."""
    try:
        if missing := unapplied_migrations():
            raise CommandError(how_to_migrate(missing))
    except (OperationalError, InterfaceError) as error:
        logger.warning("Starting although %s", explain(error))
    finally:
        connections.close_all()


def _allow_open_files(wanted: int) -> None:
    """Raise the process's limit of open files, connections among them, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def _family() -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET


def _require_free_port() -> None:
    """Raise CommandError when the port is taken: granian's workers would share it with the process that has it."""
    with socket.socket(_family()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just left is free
        try:
            probe.bind((settings.HOST, settings.PORT))
        except (OSError, OverflowError) as error:
            raise CommandError(f"cannot listen on {settings.HOST}:{settings.PORT}: {error}") from error
