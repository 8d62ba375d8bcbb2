"""What long work shows: a live bar on a terminal, plain log lines otherwise."""

import logging
import sys
import time
from typing import Any

from tqdm import tqdm

from broker import Subscription
from watchtime.ingest import IngestHandler

logger = logging.getLogger(__name__)

LOG_INTERVAL = 5.0  # seconds of work between two lines
DEPTH_INTERVAL = 1.0  # seconds between two questions to the broker


def progress_bar(**options: Any) -> "tqdm[Any]":
    """Return a tqdm bar, with tqdm's options, that prints nothing where the output is no terminal."""
    return tqdm(disable=not sys.stderr.isatty(), dynamic_ncols=True, **options)


class ConsumerReport:
    """Shows what a consumer has done: called after each batch, and while nothing comes."""

    def __init__(self, ingest: IngestHandler) -> None:
        self._ingest = ingest
        self._bar = progress_bar(unit=" events", desc="folded")
        self._shown_at = time.monotonic()
        self._logged = (0, 0, 0)

    def __call__(self, subscription: Subscription) -> None:
        now = time.monotonic()
        if not self._bar.disable:
            self._bar.update(self._ingest.counted - self._bar.n)
            if now - self._shown_at >= DEPTH_INTERVAL:
                self._shown_at = now
                self._bar.set_postfix(
                    repeats=self._ingest.repeats, dead_letters=self._ingest.refused, waiting=subscription.depth()
                )
        elif now - self._shown_at >= LOG_INTERVAL:
            self._log(now)

    def _log(self, now: float) -> None:
        done = (self._ingest.counted, self._ingest.repeats, self._ingest.refused)
        if done != self._logged:
            rate = (done[0] - self._logged[0]) / (now - self._shown_at)
            logger.info("folded %d events (%.0f a second), %d repeats, %d dead letters", done[0], rate, *done[1:])
        self._logged, self._shown_at = done, now

    def close(self) -> None:
        """Show the last state."""
        if self._bar.disable:
            self._log(time.monotonic())
        self._bar.close()
