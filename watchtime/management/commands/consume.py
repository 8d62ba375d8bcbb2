"""`manage.py consume`: fold what the broker delivers, until told to stop."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import Error

from broker import BrokerError, Subscription, default_broker, pauses
from watchtime.database import explain
from watchtime.ingest import IngestHandler
from watchtime.migrated import how_to_migrate, unapplied_migrations
from watchtime.models import RebuildDue
from watchtime.monitoring import Monitor, Progress, serve_monitor
from watchtime.observed import ObservedIngest
from watchtime.postgresql.base import DatabaseWrapper
from watchtime.processes import ChildCommand, collect_garbage_less, stop_with
from watchtime.progress import ConsumerReport
from watchtime.tracing import start_tracing

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)
DRAIN_TIMEOUT = 4.0  # seconds


class Command(ChildCommand):
    help = "Consume watch events and fold them into the totals. SIGTERM finishes the batch in hand, a second one stops."

    def handle(self, *, parent: int | None, **_options: Any) -> None:
        start_tracing("watch-time-consumer")
        DatabaseWrapper.statement_timeout = settings.DATABASE_TIMEOUT
        stop = threading.Event()
        _stop_on_signals(stop)
        if parent is not None:
            stop_with(parent)
        collect_garbage_less()
        ingest, progress = IngestHandler(), Progress(settings.CONSUMER_STALL_SECONDS)
        logger.info("consuming %s", settings.BROKER_QUEUE)
        try:
            with _monitoring(progress), closing(ConsumerReport(ingest)) as report:
                _await_database(stop)

                def tell(subscription: Subscription) -> None:
                    progress.beat()
                    report(subscription)

                default_broker().consume_and_save(
                    ObservedIngest(ingest, progress),
                    batch_size=settings.CONSUMER_BATCH_SIZE,
                    linger=settings.CONSUMER_LINGER_MS / 1000,
                    stop=stop,
                    report=tell,
                    repeatable=ingest.repeatable,
                )
        except BrokerError as error:
            raise CommandError(str(error)) from error
        logger.info("stopped: everything folded is acknowledged")


@contextmanager
def _monitoring(progress: Progress) -> Iterator[None]:
    """Answer probes on CONSUMER_PORT meanwhile. Raises CommandError when the port is taken."""
    if not settings.CONSUMER_PORT:
        yield
        return
    try:
        stop = serve_monitor(Monitor(progress), settings.HOST, settings.CONSUMER_PORT)
    except OSError as error:
        raise CommandError(f"cannot listen on {settings.HOST}:{settings.CONSUMER_PORT}: {error}") from error
    try:
        yield
    finally:
        stop()


def _await_database(stop: threading.Event) -> None:
    """Return when the database answers, or it is time to stop. Raises CommandError when migrations are missing."""
    for pause in pauses():
        try:
            if missing := unapplied_migrations():
                raise CommandError(how_to_migrate(missing))
            _warn_of_rebuild()
            return
        except Error as error:
            logger.warning("%s; trying again", explain(error))
        if stop.wait(pause):
            return


def _warn_of_rebuild() -> None:
    """Say that the analytics are not complete until `rebuild_totals` was run. They are kept up meanwhile."""
    for due in RebuildDue.objects.all():
        logger.warning("%s Run `manage.py rebuild_totals`.", due)


def _stop_on_signals(stop: threading.Event) -> None:
    """Have a thread wait for the signals: the main thread may be deep in a database that does not answer."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # threads that start from here on inherit it
    threading.Thread(target=_wait_for_signals, args=(stop,), name="signals", daemon=True).start()


def _wait_for_signals(stop: threading.Event) -> None:
    """Set `stop` at the first signal; at the second, or after the time to drain, end the process.

    What is not acknowledged then is delivered again, and counted once.
    """
    number = signal.sigwait(SIGNALS)
    stop.set()
    signal.sigtimedwait(SIGNALS, DRAIN_TIMEOUT)
    os._exit(128 + number)
