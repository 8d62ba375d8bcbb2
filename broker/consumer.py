"""The consumer's loop: deliveries in batches into `save`, acknowledged after it has returned."""

import logging
import math
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from broker.delivery import MESSAGE_BYTES, Delivery, Rejection, Subscription
from broker.errors import BrokerError, BrokerMisconfigured, BrokerUnavailable, TryAgain, describe

logger = logging.getLogger(__name__)

RECEIVE_TIMEOUT = 0.25  # seconds that an idle consumer waits before it looks whether to stop
PREFETCH_BATCHES = 4  # so that the next batch is here when one is saved
GROWTH = 10
MAX_PAUSE = 2.0  # seconds between two attempts at what is not available
MAX_FAILURES_IN_A_ROW = 10


@dataclass
class Consumer:
    """Takes batches of `batch_size` deliveries, or what is there `linger` seconds after the one before, into `save`.

    An idle consumer saves a message at once. Messages that come faster than one each `linger` seconds are saved
    together, as in Nagle's algorithm (RFC 896).

    `save` returns what can never be saved: it becomes dead letters. When it raises TryAgain the
    batch is kept and tried again. Anything else that it raises is taken for a fault of one
    delivery, which is looked for and becomes a dead letter too; when many in a row fail, it is
    not they who are at fault, and the batch is kept and tried again.

    A subscription begins with one message, and holds ten times as many with each full batch that
    was saved: a message that ends its connection or its consumer each time brings only itself to
    the delivery limit. `repeatable` says of a delivery whether it may be handed over as a
    redelivery. `report` is called after each batch and when nothing has come.
    """

    subscribe: Callable[[int], Subscription]  # with the prefetch
    save: Callable[[Sequence[Delivery]], Sequence[Rejection]]
    batch_size: int
    linger: float
    stop: threading.Event
    report: Callable[[Subscription], object]
    clock: Callable[[], float] = time.monotonic
    repeatable: Callable[[Delivery], bool] = lambda _delivery: True
    width: int = 1  # of the batches now
    failures_in_a_row: int = 0
    began: float = -math.inf  # when the last batch was handed to `save`, on the clock

    def run(self) -> None:
        """Consume until `stop` is set and the batch in hand is done, connecting again whenever the broker was away.

        Raises BrokerMisconfigured when waiting for the broker does not help.
        """
        waits = pauses()
        while not self.stop.is_set():
            self.width = 1
            try:
                with closing(self.subscribe(1)) as subscription:
                    waits = pauses()  # the broker is there
                    while not self.stop.is_set():
                        self.run_once(subscription)
                    self._give_back(subscription)
            except BrokerMisconfigured:
                raise
            except BrokerError as error:
                logger.warning("%s; connecting again", error)
                self.stop.wait(next(waits))

    def run_once(self, subscription: Subscription) -> None:
        """Receive one batch, save it, and only then acknowledge it."""
        if batch := self._receive(subscription):
            rejections = self._save(subscription, batch)
            if rejections is None or not self._dead_letter(subscription, rejections):
                return  # told to stop while the batch could not be done: it is delivered again
            subscription.acknowledge(batch)
            if self._room(batch) <= 0 and self.width < self.batch_size:
                self._widen(subscription)
        self.report(subscription)

    def _widen(self, subscription: Subscription) -> None:
        self.width = min(GROWTH * self.width, self.batch_size)
        is_full = self.width == self.batch_size
        subscription.widen(PREFETCH_BATCHES * self.width if is_full else self.width)

    def _receive(self, subscription: Subscription) -> list[Delivery]:
        batch = subscription.receive(self.width, RECEIVE_TIMEOUT)
        deadline = self.began + self.linger
        while batch and (room := self._room(batch)) > 0 and not self.stop.is_set():
            if (left := deadline - self.clock()) <= 0:
                break
            batch += subscription.receive(room, left)
        if batch:
            self.began = self.clock()
        return batch

    def _room(self, batch: Sequence[Delivery]) -> int:
        """Return how many more messages of usual length fit into a batch."""
        used = max(len(batch), sum(len(delivery.body) for delivery in batch) // MESSAGE_BYTES)
        return self.width - used

    def _save(self, subscription: Subscription, batch: Sequence[Delivery]) -> list[Rejection] | None:
        """Save a batch however often it takes. None when told to stop before that."""
        for pause in pauses():
            try:
                return self._save_parts(batch)
            except TryAgain as error:
                logger.warning("%s; holding %d messages and trying again", error, len(batch))
            if self.stop.wait(pause):
                break
            subscription.keep(batch)
        return None

    def _save_parts(self, batch: Sequence[Delivery]) -> list[Rejection]:
        """Save a batch; where that fails, save its halves each alone, down to the delivery that makes it fail."""
        try:
            rejections = list(self.save(batch))
        except TryAgain:
            raise
        except Exception as error:
            if len(batch) == 1:
                return [self._blame(batch[0], error)]
        else:
            self.failures_in_a_row = 0
            return rejections
        middle = len(batch) // 2
        return self._save_parts(batch[:middle]) + self._save_parts(batch[middle:])

    def _blame(self, delivery: Delivery, error: Exception) -> Rejection:
        """Reject the delivery that failed. Raises TryAgain when the last ones all failed."""
        self.failures_in_a_row += 1
        if self.failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
            logger.error("no message can be saved", exc_info=error)
            raise TryAgain(f"{MAX_FAILURES_IN_A_ROW} messages in a row failed, the last with {describe(error)}")
        logger.error("a message fails on its own", exc_info=error)
        return delivery.rejected(describe(error))

    def _dead_letter(self, subscription: Subscription, rejections: Sequence[Rejection]) -> bool:
        """Store what was refused, however often it takes. False when told to stop before that.

        The deliveries are held meanwhile: to give them back each time would bring good ones among
        them to the delivery limit.
        """
        if not rejections:
            return True
        for pause in pauses():
            try:
                subscription.dead_letter(rejections)
            except BrokerError as error:
                logger.warning("%s; trying again to store %d dead letters", error, len(rejections))
            else:
                logger.warning("stored %d dead letters; the first: %s", len(rejections), rejections[0].reason)
                return True
            if self.stop.wait(pause):
                break
        return False

    def _give_back(self, subscription: Subscription) -> None:
        """Stop receiving, and give back what was received and not looked at, so that it counts as new.

        Where all of it may come as redelivered, the broker does that by itself.
        """
        waiting = subscription.cancel()
        if all(map(self.repeatable, waiting)):
            return
        try:
            subscription.give_back(waiting)
        except BrokerUnavailable as error:
            logger.warning("%s; messages that nobody looked at will come as redelivered", error)


def pauses() -> Iterator[float]:
    """Yield the seconds to wait before each further attempt: doubling, capped, and jittered."""
    pause = 0.1
    while True:
        yield random.uniform(pause / 2, pause)  # noqa: S311
        pause = min(pause * 2, MAX_PAUSE)
