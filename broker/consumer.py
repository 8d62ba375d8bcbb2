"""The consumer's loop: deliveries in batches into `save`, acknowledged after it has returned."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from broker.delivery import MESSAGE_BYTES, Delivery, Rejection, Subscription
from broker.errors import BrokerUnavailable, ConsumerFailed, TryAgain, describe

logger = logging.getLogger(__name__)

RECEIVE_TIMEOUT = 0.25  # seconds that an idle consumer waits before it looks whether to stop
PREFETCH_BATCHES = 4  # so that the next batch is here when one is saved
MAX_PAUSE = 2.0  # seconds between two attempts at what is not available
MAX_FAILURES_IN_A_ROW = 10


@dataclass
class Consumer:
    """Takes batches of `batch_size` deliveries, or what came within `linger` seconds, into `save`.

    `save` returns the deliveries that can never be saved: they become dead letters. When it
    raises TryAgain the batch is kept and tried again. Anything else that it raises is taken
    for a fault of one delivery, which is looked for and becomes a dead letter too.
    `report` is called after each batch and when nothing has come.
    """

    subscribe: Callable[[int], Subscription]  # with the prefetch
    save: Callable[[Sequence[Delivery]], Sequence[Rejection]]
    batch_size: int
    linger: float
    stop: threading.Event
    report: Callable[[Subscription], object]
    clock: Callable[[], float] = time.monotonic
    failures_in_a_row: int = 0

    def run(self) -> None:
        """Consume until `stop` is set and the batch in hand is done, connecting again whenever the broker was away.

        Raises BrokerMisconfigured when waiting for the broker does not help, ConsumerFailed
        when no delivery can be saved.
        """
        waits = pauses()
        while not self.stop.is_set():
            try:
                with closing(self.subscribe(PREFETCH_BATCHES * self.batch_size)) as subscription:
                    while not self.stop.is_set():
                        self.run_once(subscription)
                        waits = pauses()
            except BrokerUnavailable as error:
                logger.warning("%s; connecting again", error)
                self.stop.wait(next(waits))

    def run_once(self, subscription: Subscription) -> None:
        """Receive one batch, save it, and only then acknowledge it."""
        if batch := self._receive(subscription):
            rejections = self._save(batch)
            if rejections is None or not self._dead_letter(subscription, rejections):
                return  # told to stop while the batch could not be done: it is delivered again
            subscription.acknowledge(batch)
        self.report(subscription)

    def _receive(self, subscription: Subscription) -> list[Delivery]:
        batch = subscription.receive(self.batch_size, RECEIVE_TIMEOUT)
        deadline = self.clock() + self.linger
        while batch and (room := self._room(batch)) > 0 and not self.stop.is_set():
            if (left := deadline - self.clock()) <= 0:
                break
            batch += subscription.receive(room, left)
        return batch

    def _room(self, batch: Sequence[Delivery]) -> int:
        """Return how many more messages of usual length fit into a batch."""
        used = max(len(batch), sum(len(delivery.body) for delivery in batch) // MESSAGE_BYTES)
        return self.batch_size - used

    def _save(self, batch: Sequence[Delivery]) -> list[Rejection] | None:
        """Save a batch however often it takes. None when told to stop before that."""
        for pause in pauses():
            try:
                rejections = list(self.save(batch))
            except TryAgain as error:
                logger.warning("%s; trying again", error)
                if self.stop.wait(pause):
                    return None
            except Exception as error:
                return self._isolate(batch, error)
            else:
                self.failures_in_a_row = 0
                return rejections
        return None

    def _dead_letter(self, subscription: Subscription, rejections: Sequence[Rejection]) -> bool:
        """Store what was refused, however often it takes. False when told to stop before that.

        The deliveries are held meanwhile: to give them back each time would bring good ones among
        them to RabbitMQ's delivery limit.
        """
        for pause in pauses():
            try:
                if rejections:
                    subscription.dead_letter(rejections)
                break
            except BrokerUnavailable as error:
                logger.warning("%s; trying again to store %d dead letters", error, len(rejections))
                if self.stop.wait(pause):
                    return False
        return True

    def _isolate(self, batch: Sequence[Delivery], error: Exception) -> list[Rejection] | None:
        """Save the two halves of a failed batch each alone, down to the delivery that makes it fail."""
        if len(batch) == 1:
            return [self._blame(batch[0], error)]
        middle = len(batch) // 2
        first = self._save(batch[:middle])
        second = None if first is None else self._save(batch[middle:])
        return None if first is None or second is None else first + second

    def _blame(self, delivery: Delivery, error: Exception) -> Rejection:
        reason = describe(error)
        self.failures_in_a_row += 1
        if self.failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
            raise ConsumerFailed(
                f"{MAX_FAILURES_IN_A_ROW} deliveries in a row failed, the last with {reason}"
            ) from error
        logger.error("a delivery fails on its own and becomes a dead letter", exc_info=error)
        return delivery.rejected(reason)


def pauses() -> Iterator[float]:
    """Yield the seconds to wait before each further attempt: doubling, capped, and jittered."""
    pause = 0.1
    while True:
        yield random.uniform(pause / 2, pause)  # noqa: S311
        pause = min(pause * 2, MAX_PAUSE)
