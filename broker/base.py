"""The one interface of every broker."""

import logging
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from weakref import WeakSet

from broker.consumer import RECEIVE_TIMEOUT, Consumer
from broker.delivery import DeadLetter, Delivery, Depths, Rejection, Subscription
from broker.errors import BrokerUnavailable

logger = logging.getLogger(__name__)

REPLAY_BATCH = 500
REPLAY_TIMEOUT = 2.0  # seconds


class Broker(ABC):
    """A durable queue of messages, and a second one for those that were refused.

    Both are bounded. `dropped` is how many dead letters this process saw fall out of theirs.
    """

    def __init__(self, queue: str) -> None:
        self.queue = queue
        self.dead_queue = queue.removesuffix(".events") + ".dead"
        self.dropped = 0
        _brokers.add(self)

    @abstractmethod
    def after_fork(self) -> None:
        """Make new locks and connections in a child process: the parent's threads are not there to release theirs."""

    def note_dropped(self, count: int, reason: str) -> None:
        """Count and log dead letters that were dropped."""
        if count > 0:
            self.dropped += count
            logger.warning("dropped the %d oldest dead letters of %s: %s", count, self.dead_queue, reason)

    @abstractmethod
    def publish(self, messages: Sequence[bytes]) -> None:
        """Return when every message is safely stored, with the headers of `broker.headers`.

        Raises BrokerError otherwise; where that says `may_be_stored`, some or all may be.
        """

    @abstractmethod
    def publish_again(self, deliveries: Sequence[Delivery]) -> None:
        """Publish what was delivered once more, with its headers and the time at which it was first sent.

        It is stored and fails as `publish` does.
        """

    @abstractmethod
    def depths(self) -> Depths:
        """Return how many messages wait in each queue. Raises BrokerUnavailable when the broker does not tell."""

    @abstractmethod
    def check(self) -> None:
        """Return when the broker would take messages now. Raises BrokerError with the reason otherwise."""

    @abstractmethod
    def subscribe(self, queue: str, prefetch: int) -> Subscription:
        """Start to receive messages of a queue, at most `prefetch` of them unacknowledged.

        Raises BrokerUnavailable while somebody else holds dead letters, when those are asked for.
        """

    @abstractmethod
    def iterate_dead_letters(self, limit: int) -> Iterator[DeadLetter]:
        """Yield the oldest dead letters, up to `limit` (1 to MAX_PREFETCH), and leave them where they are.

        Raises BrokerUnavailable when not all of them can be read.
        """

    def list_dead_letters(self, limit: int) -> list[DeadLetter]:
        """Return the oldest dead letters, up to `limit`; see iterate_dead_letters."""
        return list(self.iterate_dead_letters(limit))

    @abstractmethod
    def purge_dead_letters(self) -> int:
        """Delete every dead letter; return how many there were.

        Raises BrokerUnavailable when others hold some that cannot be deleted.
        """

    @abstractmethod
    def close(self) -> None:
        """Close every connection. The broker can be used again: it then opens new ones."""

    def consume(self) -> Iterator[Delivery]:
        """Iterate over deliveries for ever; each is acknowledged when the next one is asked for."""
        with closing(self.subscribe(self.queue, prefetch=1)) as subscription:
            while True:
                for delivery in subscription.receive(1, RECEIVE_TIMEOUT):
                    yield delivery
                    subscription.acknowledge([delivery])

    def consume_and_save(
        self,
        save: Callable[[Sequence[Delivery]], Sequence[Rejection]],
        *,
        batch_size: int,
        linger: float,
        stop: threading.Event,
        report: Callable[[Subscription], object] = lambda subscription: None,
        repeatable: Callable[[Delivery], bool] = lambda delivery: True,
    ) -> None:
        """Feed `save` with batches until `stop` is set; see `Consumer`, which says what happens to them.

        Raises BrokerMisconfigured, which waiting does not help.
        """
        subscribe = partial(self.subscribe, self.queue)
        Consumer(subscribe, save, batch_size, linger, stop, report, repeatable=repeatable).run()

    def replay_dead_letters(self) -> int:
        """Publish every dead letter again, oldest first; return how many there were.

        One that was replayed when this is interrupted may be replayed again.
        """
        replayed = 0
        try:
            with closing(self.subscribe(self.dead_queue, prefetch=REPLAY_BATCH)) as subscription:
                while left := subscription.backlog - replayed:
                    batch = subscription.receive_expected(min(REPLAY_BATCH, left), REPLAY_TIMEOUT)
                    if not batch:
                        break  # a purge took the rest
                    self.publish_again(batch)
                    subscription.acknowledge(batch)
                    replayed += len(batch)
        except BrokerUnavailable as error:
            raise BrokerUnavailable(f"{error}; {replayed} dead letters are replayed, the others are kept") from error
        return replayed


_brokers: "WeakSet[Broker]" = WeakSet()


def _after_fork() -> None:
    for broker in _brokers:
        broker.after_fork()


os.register_at_fork(after_in_child=_after_fork)
