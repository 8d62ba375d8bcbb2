"""RabbitMQ: quorum queues, pipelined confirms, manual acknowledgement."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import cycle
from queue import Empty

from broker.base import Broker
from broker.consumer import pauses
from broker.delivery import MESSAGE_BYTES, DeadLetter, Delivery, Depths, Rejection, Subscription
from broker.errors import BrokerError, BrokerUnavailable
from broker.headers import current_headers
from broker.rabbitmq import CONNECT_TIMEOUT, Outgoing, Session, parameters, persistent
from broker.topology import topology

REASON = "x-reason"


class RabbitMQClient(Broker):
    """Publishes to and consumes from RabbitMQ. `url` may name several nodes, separated by commas."""

    def __init__(self, url: str, queue: str, *, publish_timeout: float, max_length: int) -> None:
        super().__init__(queue)
        self._topology = topology(queue, self.dead_queue, max_length)
        self._nodes = cycle([parameters(node) for node in url.split(",")])
        self._publish_timeout = publish_timeout
        self._max_length = max_length
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._pauses = pauses()

    def publish(self, messages: Sequence[bytes]) -> None:
        properties = persistent(time.time(), current_headers())
        self._publish(self.queue, [(message, properties) for message in messages])

    def _publish(self, queue: str, messages: Sequence[Outgoing]) -> None:
        if not messages:
            return
        deadline = time.monotonic() + self._publish_timeout
        session = self._publisher()
        session.wait_until_ready(self._publish_timeout)
        session.publish(queue, messages, deadline - time.monotonic())

    def publish_dead_letters(self, rejections: Sequence[Rejection]) -> None:
        """Store deliveries among the dead letters, over the publishing connection.

        A broker short of memory reads nothing more from a connection that publishes, so a
        consumer that published over its own could not acknowledge any longer.
        """
        self._publish(self.dead_queue, [_refused(rejection) for rejection in rejections])

    def _publisher(self) -> Session:
        """Return the process's publishing session; a new one when that has ended, or belongs to our parent."""
        with self._lock:
            session = self._session
            if session is None or session.pid != os.getpid():
                session = self._open()
            elif session.ended_at is not None:
                if session.was_ready:
                    self._pauses = pauses()
                session = self._open(delay=session.ended_at + next(self._pauses) - time.monotonic())
            self._session = session
            return session

    def _open(self, consume: str | None = None, prefetch: int = 0, delay: float = 0) -> Session:
        return Session(next(self._nodes), self._topology, consume, prefetch, delay, self._publish_timeout)

    def subscribe(self, queue: str, prefetch: int) -> Subscription:
        session = self._open(queue, prefetch)
        try:
            session.wait_until_ready(2 * CONNECT_TIMEOUT)
        except BrokerError:
            session.close()
            raise
        return _Consuming(session, queue, self.publish_dead_letters)

    def depths(self) -> Depths:
        session = self._publisher()
        session.wait_until_ready(self._publish_timeout)
        return Depths(session.depth(self.queue), session.depth(self.dead_queue))

    def check(self) -> None:
        if self.depths().waiting >= self._max_length:
            raise BrokerUnavailable("RabbitMQ's queue is full")
        self._publisher().raise_if_blocked()

    def list_dead_letters(self, limit: int) -> list[DeadLetter]:
        letters: list[DeadLetter] = []
        with closing(self.subscribe(self.dead_queue, prefetch=limit)) as subscription:
            while left := min(limit, subscription.backlog) - len(letters):
                deliveries = subscription.receive(left, CONNECT_TIMEOUT)
                if not deliveries:
                    break  # another reader holds the rest
                letters += [_dead_letter(delivery) for delivery in deliveries]
        return letters

    def purge_dead_letters(self) -> int:
        session = self._open()
        try:
            session.wait_until_ready(2 * CONNECT_TIMEOUT)
            purged = session.request(lambda channel, done: channel.queue_purge(self.dead_queue, callback=done))
            return int(purged.method.message_count)
        finally:
            session.close()

    def close(self) -> None:
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()


class _Consuming(Subscription):
    """A consumer's session. Its tags die with it: another connection means another subscription."""

    def __init__(self, session: Session, queue: str, dead_letter: Callable[[Sequence[Rejection]], None]) -> None:
        self._session = session
        self._queue = queue
        self._dead_letter = dead_letter
        self.backlog = session.backlogs[queue]

    def receive(self, limit: int, timeout: float) -> list[Delivery]:
        inbox = self._session.inbox
        deliveries: list[Delivery] = []
        self._session.raise_if_ended()
        try:
            deliveries.append(inbox.get(timeout=timeout))
            size = len(deliveries[0].body)
            while len(deliveries) < limit and size < limit * MESSAGE_BYTES:
                deliveries.append(inbox.get_nowait())
                size += len(deliveries[-1].body)
        except Empty:
            pass
        return deliveries

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        tag = deliveries[-1].tag
        self._session.call(lambda channel: channel.basic_ack(tag, multiple=True))

    def dead_letter(self, rejections: Sequence[Rejection]) -> None:
        self._dead_letter(rejections)

    def depth(self) -> int:
        return self._session.depth(self._queue)

    def close(self) -> None:
        self._session.close()


def _dead_letter(delivery: Delivery) -> DeadLetter:
    headers = delivery.headers or {}
    reason = headers.get(REASON) or f"given up by RabbitMQ: {headers.get('x-first-death-reason', 'unknown')}"
    first_seen = datetime.fromtimestamp(delivery.sent_at, UTC) if delivery.sent_at else None
    return DeadLetter(delivery.body, str(reason), first_seen)


def _refused(rejection: Rejection) -> Outgoing:
    delivery, reason, body = rejection
    kept = {name: text for name, text in (delivery.headers or {}).items() if isinstance(text, str) and len(text) < 200}
    return body, persistent(delivery.sent_at or time.time(), {**kept, REASON: reason})
