"""`manage.py consume`: fold what the broker delivers, until told to stop."""

import logging
import os
import signal
import threading
from contextlib import closing
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from broker import BrokerError, default_broker
from watchtime.ingest import IngestHandler
from watchtime.postgresql.base import DatabaseWrapper
from watchtime.progress import ConsumerReport

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)
DRAIN_TIMEOUT = 4.0  # seconds


class Command(BaseCommand):
    help = "Consume watch events and fold them into the totals. SIGTERM finishes the batch in hand, a second one stops."

    def handle(self, **_options: Any) -> None:
        DatabaseWrapper.patience = settings.DATABASE_TIMEOUT
        stop = threading.Event()
        _stop_on_signals(stop)
        ingest = IngestHandler()
        logger.info("consuming %s", settings.BROKER_QUEUE)
        try:
            with closing(ConsumerReport(ingest)) as report:
                default_broker().consume_and_save(
                    ingest,
                    batch_size=settings.CONSUMER_BATCH_SIZE,
                    linger=settings.CONSUMER_LINGER_MS / 1000,
                    stop=stop,
                    report=report,
                )
        except BrokerError as error:
            raise CommandError(str(error)) from error
        logger.info("stopped: everything folded is acknowledged")


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
