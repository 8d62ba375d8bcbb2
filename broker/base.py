"""The one interface of every broker."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, NamedTuple

from broker.consumer import RECEIVE_TIMEOUT, Consumer

REPLAY_BATCH = 500
REPLAY_TIMEOUT = 2.0


class Delivery(NamedTuple):
    """One hand-over of a message.

    `redelivered` says that it may have been handed over before. `sent_at`, where the broker
    knows it, is when the message was first published, in seconds since the epoch. `headers`
    are what its publisher gave with it.
    """

    body: bytes
    tag: int
    redelivered: bool = False
    sent_at: float | None = None
    headers: Mapping[str, Any] | None = None

    def rejected(self, reason: str) -> "Rejection":
        """Return this delivery as one that can never be saved."""
        return Rejection(self, reason)


class Rejection(NamedTuple):
    """A delivery that can never be saved, and why."""

    delivery: Delivery
    reason: str


class DeadLetter(NamedTuple):
    """A refused message, kept with its reason. `first_seen` is when it was published, where known."""

    body: bytes
    reason: str
    first_seen: datetime | None


class Depths(NamedTuple):
    """How many messages wait: those that no consumer holds, and the dead letters."""

    waiting: int
    dead: int


class Subscription(ABC):
    """A consumer's hold on a queue. What it received and did not acknowledge is delivered again.

    `backlog` is how many messages waited when it began.
    """

    backlog: int

    @abstractmethod
    def receive(self, limit: int, timeout: float) -> list[Delivery]:
        """Return up to `limit` deliveries, as soon as there are any; none after `timeout` seconds.

        Raises BrokerUnavailable when the hold is lost: nothing received through it can be acknowledged.
        """

    @abstractmethod
    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Let the broker forget these, the oldest that are unacknowledged, and in the order received."""

    @abstractmethod
    def dead_letter(self, rejections: Sequence[Rejection]) -> None:
        """Store these among the dead letters. The deliveries are still to be acknowledged."""

    @abstractmethod
    def depth(self) -> int:
        """Return how many messages wait in the queue and are not handed out."""

    @abstractmethod
    def close(self) -> None:
        """Give back what is not acknowledged."""


class Broker(ABC):
    """A durable queue of messages, and a second one for those that were refused."""

    def __init__(self, queue: str) -> None:
        self.queue = queue
        self.dead_queue = queue.removesuffix(".events") + ".dead"

    @abstractmethod
    def publish(self, messages: Sequence[bytes], headers: Mapping[str, str] | None = None) -> None:
        """Return when every message is safely stored. Each delivery of them comes with `headers`.

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
        Consumer(self, save, batch_size, linger, stop, report).run()

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
