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
from watchtime.ingest import Ingest
from watchtime.postgresql.base import DatabaseWrapper
from watchtime.progress import ConsumerReport

logger = logging.getLogger(__name__)

DRAIN_TIMEOUT = 4.0  # seconds


class Command(BaseCommand):
    help = "Consume watch events and fold them into the totals. SIGTERM finishes the batch in hand, a second one stops."

    def handle(self, **_options: Any) -> None:
        DatabaseWrapper.patience = settings.DATABASE_TIMEOUT
        stop = threading.Event()
        _stop_on_signals(stop)
        ingest = Ingest()
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
    def handle(number: int, _frame: object) -> None:
        if stop.is_set():
            _exit(number)
        stop.set()
        # The broker or the database may not answer just now.
        timer = threading.Timer(DRAIN_TIMEOUT, _exit, [number])
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


def _exit(number: int) -> None:
    """Stop at once. What is not acknowledged is delivered again, and counted once."""
    os._exit(128 + number)
