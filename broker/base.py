"""The one interface of every broker."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial

from broker.consumer import RECEIVE_TIMEOUT, Consumer
from broker.delivery import DeadLetter, Delivery, Depths, Rejection, Subscription

REPLAY_BATCH = 500
REPLAY_TIMEOUT = 2.0


class Broker(ABC):
    """A durable queue of messages, and a second one for those that were refused."""

    def __init__(self, queue: str) -> None:
        self.queue = queue
        self.dead_queue = queue.removesuffix(".events") + ".dead"

    @abstractmethod
    def publish(self, messages: Sequence[bytes]) -> None:
        """Return when every message is safely stored, with the headers of `broker.headers`.

        Raises BrokerError otherwise; some or all may be stored even then.
        """

    @abstractmethod
    def depths(self) -> Depths:
        """Return how many messages wait in each queue. Raises BrokerUnavailable when the broker does not tell."""

    @abstractmethod
    def check(self) -> None:
        """Return when the broker would take messages now. Raises BrokerError with the reason otherwise."""

    @abstractmethod
    def subscribe(self, queue: str, prefetch: int) -> Subscription:
        """Start to receive messages of a queue, at most `prefetch` of them unacknowledged."""

    @abstractmethod
    def list_dead_letters(self, limit: int) -> list[DeadLetter]:
        """Return the oldest dead letters, up to `limit`, and leave them where they are."""

    @abstractmethod
    def purge_dead_letters(self) -> int:
        """Delete every dead letter; return how many there were."""

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
    ) -> None:
        """Feed `save` with batches until `stop` is set; see `Consumer`, which says what happens to them.

        Raises BrokerMisconfigured and ConsumerFailed: what waiting does not help.
        """
        Consumer(partial(self.subscribe, self.queue), save, batch_size, linger, stop, report).run()

    def replay_dead_letters(self) -> int:
        """Publish every dead letter again, oldest first; return how many there were.

        One that was replayed when this is interrupted may be replayed again.
        """
        replayed = 0
        with closing(self.subscribe(self.dead_queue, prefetch=REPLAY_BATCH)) as subscription:
            while left := subscription.backlog - replayed:
                batch = subscription.receive(min(REPLAY_BATCH, left), REPLAY_TIMEOUT)
                if not batch:
                    break  # another replay or a purge took the rest
                self.publish([delivery.body for delivery in batch])
                subscription.acknowledge(batch)
                replayed += len(batch)
        return replayed
