"""Wraps the handler of batches: measures and logs what it does, and names the requests."""

import logging
import time
from collections.abc import Sequence
from itertools import islice

from broker import Delivery, Rejection, TryAgain, describe
from watchtime import metrics, tracing
from watchtime.ingest import IngestHandler
from watchtime.monitoring import Progress
from watchtime.requests import request_id_in

MAX_LOGGED = 50  # ids of requests in one line
logger = logging.getLogger(__name__)
batches = logging.getLogger("watchtime.batches")  # at INFO a line a batch; LOG_REQUESTS says whether


class ObservedIngest:
    """Saves batches with `ingest`, and tells metrics, log and progress of it."""

    def __init__(self, ingest: IngestHandler, progress: Progress) -> None:
        self._ingest = ingest
        self._progress = progress
        self._told = self._counts()

    def __call__(self, deliveries: Sequence[Delivery]) -> Sequence[Rejection]:
        """Save a batch; return what can never be saved. Raises what `ingest` raises."""
        published = [delivery.sent_at for delivery in deliveries if delivery.sent_at]
        self._progress.oldest = min(published, default=None)
        began = time.perf_counter()
        try:
            with tracing.folding(deliveries):
                rejections = self._ingest(deliveries)
        except Exception as error:
            self._progress.held = f"a batch is held: {error if isinstance(error, TryAgain) else describe(error)}"
            metrics.FOLD_RETRIES.inc(isinstance(error, TryAgain))
            raise
        self._progress.held = None
        self._progress.oldest, self._progress.newest_done = None, max(published, default=None)
        self._measure(deliveries, time.perf_counter() - began)
        self._log(deliveries, rejections)
        return rejections

    def _counts(self) -> tuple[int, int, int, int]:
        return self._ingest.counted, self._ingest.repeats, self._ingest.conflicts, self._ingest.refused

    def _measure(self, deliveries: Sequence[Delivery], seconds: float) -> None:
        counts = self._counts()
        counted, repeats, conflicts, refused = (now - then for now, then in zip(counts, self._told, strict=True))
        self._told = counts
        metrics.FOLDED.inc(counted)
        metrics.REPEATED.inc(repeats)
        metrics.DEAD_LETTERED.labels("conflict").inc(conflicts)
        metrics.DEAD_LETTERED.labels("invalid").inc(refused - conflicts)
        metrics.BATCH_EVENTS.observe(counted + repeats + refused)
        metrics.FOLD_SECONDS.observe(seconds)
        now = time.time()
        for delivery in deliveries:
            if delivery.sent_at and not delivery.redelivered:
                metrics.VISIBLE_SECONDS.observe(max(0.0, now - delivery.sent_at))

    def _log(self, deliveries: Sequence[Delivery], rejections: Sequence[Rejection]) -> None:
        for rejection in rejections:
            logger.warning(
                "a message was refused; dead_letters list shows it with its reason",
                extra={"request_id": request_id_in(rejection.delivery.headers)},
            )
        if batches.isEnabledFor(logging.INFO):
            ids = dict.fromkeys(filter(None, (request_id_in(delivery.headers) for delivery in deliveries)))
            batches.info(
                "folded a batch of %d messages",
                len(deliveries),
                extra={"request_ids": list(islice(ids, MAX_LOGGED)), "requests": len(ids)},
            )
