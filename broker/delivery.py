"""What a broker hands over: deliveries, the subscription that they come through, and what becomes of refused ones."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from broker.errors import BrokerUnavailable

MAX_REASON = 500  # characters
MAX_PREFETCH = 65_535  # AMQP's number for it has 16 bits
MESSAGE_BYTES = 256  # of a message of one event, generously; of one with a hundred a batch takes fewer


@dataclass(slots=True, eq=False)
class Delivery:
    """One hand-over of a message.

    `redelivered` says that it may have been handed over before. `sent_at`, where the broker
    knows it, is when the message was first published, in seconds since the epoch. `headers`
    are what its publisher gave with it. `content` is for the consumer: what it made of the
    body, once, and keeps over every retry.
    """

    body: bytes
    tag: int
    redelivered: bool = False
    sent_at: float | None = None
    headers: Mapping[str, Any] | None = None
    content: Any = None

    def rejected(self, reason: str, part: bytes | None = None) -> "Rejection":
        """Return this delivery, or only a part of its body, as what can never be saved.

        The reason may quote what was sent: it is escaped and cut, so that every broker can store it.
        """
        return Rejection(self, _printable(reason)[:MAX_REASON], self.body if part is None else part)


class Rejection(NamedTuple):
    """What can never be saved: a delivery, why, and the bytes of it that become a dead letter."""

    delivery: Delivery
    reason: str
    body: bytes


def _printable(text: str) -> str:
    """Escape control characters, lone surrogates and the like."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text[:MAX_REASON])


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

    `backlog` is how many messages waited when it began. Every method raises BrokerUnavailable
    when the hold is lost: nothing received through it can be acknowledged.
    """

    backlog: int

    @abstractmethod
    def receive(self, limit: int, timeout: float) -> list[Delivery]:
        """Return up to `limit` deliveries, as soon as there are any; none after `timeout` seconds.

        Fewer where they are longer than MESSAGE_BYTES in the mean, but one at least.
        """

    def receive_expected(self, limit: int, timeout: float) -> list[Delivery]:
        """Return deliveries as `receive` does, of messages that are known to be there; none when they are deleted.

        Raises BrokerUnavailable when they are there still, and do not come.
        """
        if deliveries := self.receive(limit, timeout):
            return deliveries
        waiting = self.depth()
        deliveries = self.receive(limit, 0)  # what was on its way came before the depth
        if waiting and not deliveries:
            raise BrokerUnavailable("the broker does not deliver the dead letters")
        return deliveries

    @abstractmethod
    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge these: the oldest that are unacknowledged, in the order received."""

    @abstractmethod
    def dead_letter(self, rejections: Sequence[Rejection]) -> None:
        """Store these among the dead letters. The deliveries are still to be acknowledged."""

    @abstractmethod
    def widen(self, prefetch: int) -> None:
        """Hold up to `prefetch` messages from now on."""

    @abstractmethod
    def keep(self, deliveries: Sequence[Delivery]) -> None:
        """Extend the hold on these: they are still being worked on, and nobody else may get them."""

    @abstractmethod
    def cancel(self) -> list[Delivery]:
        """Receive no more. Return what was handed over and never returned by `receive`."""

    @abstractmethod
    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Give back what `cancel` returned: it comes as new, and not as a redelivery; what was received before does."""

    @abstractmethod
    def depth(self) -> int:
        """Return how many messages wait in the queue and are not handed out."""

    @abstractmethod
    def close(self) -> None:
        """Give back what is not acknowledged."""
