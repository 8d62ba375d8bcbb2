"""RabbitMQ through pika: quorum queues, publisher confirms, manual acknowledgement. The only file that imports pika."""

import logging
import re
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import count, cycle
from queue import Empty
from threading import Lock
from typing import Any

import pika
from pika import spec
from pika.adapters.select_connection import IOLoop, SelectConnection
from pika.adapters.utils.selector_ioloop_adapter import SelectorIOServicesAdapter
from pika.exceptions import (
    AuthenticationError,
    ChannelClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)
from pika.spec import PRECONDITION_FAILED, BasicProperties

from broker.base import Broker
from broker.connection import CONNECT_TIMEOUT, SENT_AT, Connection
from broker.consumer import pauses
from broker.delivery import MAX_PREFETCH, MESSAGE_BYTES, DeadLetter, Delivery, Depths, Rejection, Subscription
from broker.errors import BrokerError, BrokerMisconfigured, BrokerUnavailable, describe, nothing_stored
from broker.headers import current_headers
from broker.topology import topology

logger = logging.getLogger(__name__)

# Seconds. RabbitMQ gives a silent client up after two to three of them, and has its messages
# delivered again. A false alarm costs one connection, and no message.
HEARTBEAT = 2
QUIET = 0.02  # seconds without a delivery, after which the queue is asked whether more will come
MAX_WAIT_FOR_QUIET = 2.0  # seconds
REASON = "x-reason"
MAX_HEADER = 200  # characters of a header that a dead letter keeps
REFUSED = re.compile(r"\((403|530)\)")  # access refused, not allowed

Outgoing = tuple[bytes, BasicProperties]


class RabbitMQClient(Broker):
    """Publishes to and consumes from RabbitMQ. `url` may name several nodes, separated by commas.

    `publish_timeout` is in seconds. Each queue holds at most `max_length` messages: a full queue
    of events refuses more, a full queue of dead letters drops the oldest, and those older than
    `dead_letter_days`.
    """

    def __init__(
        self, url: str, queue: str, *, publish_timeout: float, max_length: int, dead_letter_days: int = 30
    ) -> None:
        super().__init__(queue)
        self._topology = topology(queue, self.dead_queue, max_length, dead_letter_days)
        self._nodes = cycle([_parameters(node) for node in url.split(",")])
        self._publish_timeout = publish_timeout
        self._max_length = max_length
        self._lock = Lock()
        self._connection: Connection | None = None
        self._pauses = pauses()

    def after_fork(self) -> None:
        """Begin with a connection of one's own: the parent's thread is not here, and its lock may be held for ever."""
        self._lock = Lock()
        self._connection = None

    def publish(self, messages: Sequence[bytes]) -> None:
        properties = _persistent(time.time(), current_headers())
        self._publish(self.queue, [(message, properties) for message in messages])

    def _publish(self, queue: str, messages: Sequence[Outgoing]) -> None:
        if not messages:
            return
        deadline = time.monotonic() + self._publish_timeout
        connection = self._publisher()
        with nothing_stored():
            connection.wait_until_ready(self._publish_timeout)
        connection.publish(queue, messages, deadline - time.monotonic())

    def _publisher(self) -> Connection:
        """Return the process's publishing connection; a new one when that has ended."""
        with self._lock:
            connection = self._connection
            if connection is None:
                connection = self._open()
            elif connection.ended_at is not None:
                if connection.was_ready:
                    self._pauses = pauses()
                connection = self._open(delay=connection.ended_at + next(self._pauses) - time.monotonic())
            self._connection = connection
            return connection

    def _open(self, delay: float = 0) -> Connection:
        return Connection(_Line(next(self._nodes)), self._topology, self._publish_timeout, delay)

    def subscribe(self, queue: str, prefetch: int) -> "_Consuming":
        connection = self._open()
        try:
            connection.wait_until_ready(2 * CONNECT_TIMEOUT)
            if queue == self.dead_queue:
                connection.require_no_reader(queue)
            return _Consuming(connection, self, queue, prefetch)
        except BrokerError:
            connection.close()
            raise

    def store_dead_letters(self, rejections: Sequence[Rejection]) -> None:
        """Store rejections among the dead letters, over the publishing connection.

        A broker short of memory reads nothing more from a connection that publishes, so a
        consumer that published over its own could not acknowledge any longer.
        """
        before = self._depth(self.dead_queue)
        self._publish(self.dead_queue, [_refused(rejection) for rejection in rejections])
        if self._depth(self.dead_queue) >= self._max_length:
            self.note_dropped(before + len(rejections) - self._max_length, "it is full")

    def publish_again(self, deliveries: Sequence[Delivery]) -> None:
        self._publish(self.queue, [_copy(delivery) for delivery in deliveries])

    def _depth(self, queue: str) -> int:
        connection = self._publisher()
        connection.wait_until_ready(self._publish_timeout)
        return connection.depth(queue)

    def depths(self) -> Depths:
        return Depths(self._depth(self.queue), self._depth(self.dead_queue))

    def check(self) -> None:
        if self.depths().waiting >= self._max_length:
            raise BrokerUnavailable("RabbitMQ's queue is full")
        self._publisher().raise_if_blocked()

    def iterate_dead_letters(self, limit: int) -> Iterator[DeadLetter]:
        with closing(self.subscribe(self.dead_queue, prefetch=limit)) as subscription:
            left = min(limit, subscription.backlog)
            while left > 0:
                deliveries = subscription.receive_expected(left, CONNECT_TIMEOUT)
                if not deliveries:
                    break  # a purge took the rest
                yield from map(_dead_letter, deliveries)
                left -= len(deliveries)

    def purge_dead_letters(self) -> int:
        with closing(self._open()) as connection:
            connection.wait_until_ready(2 * CONNECT_TIMEOUT)
            connection.require_no_reader(self.dead_queue)
            purged = connection.request(lambda channel, done: channel.queue_purge(self.dead_queue, callback=done))
            return int(purged.method.message_count)

    def close(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _Consuming(Subscription):
    """A consumer's connection. Its tags die with it: another connection means another subscription."""

    def __init__(self, connection: Connection, client: RabbitMQClient, queue: str, prefetch: int) -> None:
        self._connection = connection
        self._client = client
        self._queue = queue
        self._waiting: deque[Delivery] = deque()  # out of the inbox before anybody asked for them
        self._unacknowledged = 0  # without those
        self._tags = map(str, count())
        self.backlog = connection.depth(queue)
        self._consume(prefetch)

    def _consume(self, prefetch: int) -> None:
        self._prefetch = min(max(prefetch, 1), MAX_PREFETCH)  # 0 would be no limit
        self._tag = next(self._tags)
        self._connection.consume(self._queue, self._tag, self._prefetch)

    def receive(self, limit: int, timeout: float) -> list[Delivery]:
        deliveries: list[Delivery] = []
        self._connection.raise_if_ended()
        size = 0
        with suppress(Empty):
            while len(deliveries) < limit and size < limit * MESSAGE_BYTES:
                deliveries.append(self._next(0 if deliveries else timeout))
                size += len(deliveries[-1].body)
        if not deliveries:
            self._connection.raise_if_ended()  # it did so while we waited
        self._unacknowledged += len(deliveries)
        return deliveries

    def _next(self, timeout: float) -> Delivery:
        if self._waiting:
            return self._waiting.popleft()
        inbox = self._connection.inbox
        return inbox.get(timeout=timeout) if timeout else inbox.get_nowait()

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        tag = deliveries[-1].tag
        self._connection.call(lambda channel: channel.basic_ack(tag, multiple=True))
        self._unacknowledged -= len(deliveries)

    def dead_letter(self, rejections: Sequence[Rejection]) -> None:
        self._client.store_dead_letters(rejections)

    def widen(self, prefetch: int) -> None:
        # A prefetch is a consumer's, from its beginning.
        self._cancel()
        self._consume(prefetch)

    def cancel(self) -> list[Delivery]:
        self._cancel()
        return list(self._waiting)

    def _cancel(self) -> None:
        """Take what is on its way, then cancel: pika sends back what still comes then, as a redelivery.

        Nothing is on its way when as many are held as may be, or when the queue is empty: the answer that says so
        comes after what was sent before it.
        """
        inbox = self._connection.inbox
        deadline = time.monotonic() + MAX_WAIT_FOR_QUIET
        while self._unacknowledged + len(self._waiting) < self._prefetch and time.monotonic() < deadline:
            try:
                self._waiting.append(inbox.get(timeout=QUIET))
            except Empty:
                if not self.depth():
                    break
        self._connection.cancel(self._tag)
        with suppress(Empty):
            while True:
                self._waiting.append(inbox.get_nowait())

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        # Of hundreds of single acknowledgements a quorum queue forgets some when the channel closes at once.
        first, last = deliveries[0].tag, deliveries[-1].tag
        self._client.publish_again(deliveries)
        if self._unacknowledged:
            self._connection.call(lambda channel: channel.basic_nack(first - 1, multiple=True, requeue=True))
        self._connection.call(lambda channel: channel.basic_ack(last, multiple=True))

    def keep(self, deliveries: Sequence[Delivery]) -> None:
        """Nothing to do: they are held as long as the connection."""

    def depth(self) -> int:
        return self._connection.depth(self._queue)

    def close(self) -> None:
        self._connection.close()


class _Line:
    """pika's side of a connection. It tells pika where to connect, and how to read what comes."""

    def __init__(self, parameters: pika.URLParameters) -> None:
        self._address = f"{parameters.host}:{parameters.port}"
        self.broker = f"RabbitMQ at {self._address}"
        self.heartbeat: float = parameters.heartbeat
        self._parameters = parameters
        self._services = _Services(IOLoop())

    def open(self, on_open: Callable[..., object], on_lost: Callable[..., object]) -> SelectConnection:
        return SelectConnection(self._parameters, on_open, on_lost, on_lost, custom_ioloop=self._services)

    def shut(self) -> None:
        self._services.shut()

    def close(self) -> None:
        self._services.close()

    def explain(self, reason: BaseException, was_ready: bool) -> BrokerError:
        if isinstance(reason, ChannelClosedByBroker) and reason.reply_code == PRECONDITION_FAILED and not was_ready:
            return BrokerMisconfigured(
                f"RabbitMQ has a queue of this name with other properties ({reason.reply_text}). Delete it once it is "
                "empty, or set BROKER_QUEUE to another name"
            )
        probably_refused = isinstance(reason, (ProbableAuthenticationError, ProbableAccessDeniedError))
        # Pika takes any end in the middle of the handshake for a refusal, also a broker that was killed then.
        if isinstance(reason, AuthenticationError) or (probably_refused and REFUSED.search(str(reason))):
            return BrokerMisconfigured(
                f"RabbitMQ refuses the user, the password or the virtual host of BROKER_URL, at {self._address}"
            )
        return BrokerUnavailable(f"{self.broker} is not available: {_words(_root(reason))}")


class _Services(SelectorIOServicesAdapter):  # type: ignore[misc]  # pika declares no types
    """pika's I/O services, which keep a second handle of the socket: pika itself waits for an answer to close it."""

    _socket: socket.socket | None = None

    def create_streaming_connection(
        self, protocol_factory: Any, sock: socket.socket, *rest: Any, **options: Any
    ) -> Any:
        self._forget()
        self._socket = sock.dup()
        return super().create_streaming_connection(protocol_factory, sock, *rest, **options)

    def shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # it is shut already
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._forget()
        super().close()

    def _forget(self) -> None:
        if self._socket is not None:
            self._socket.close()


class _Properties(BasicProperties):  # type: ignore[misc]
    """The properties of a message, whatever its producer wrote there: what cannot be read is left out.

    pika ends the connection over it, and the same message would come again with each next one.
    """

    def decode(self, encoded: bytes, offset: int = 0) -> BasicProperties:
        try:
            return super().decode(encoded, offset)
        except Exception as error:  # pika lets through what struct, datetime, decimal and the like raise
            logger.warning("a message has properties that cannot be read: %s", describe(error))
            self.headers = self.timestamp = None
            return self


spec.props[BasicProperties.INDEX] = _Properties  # pika's table of the classes that it reads properties with


def _dead_letter(delivery: Delivery) -> DeadLetter:
    headers = delivery.headers or {}
    reason = headers.get(REASON) or f"given up by RabbitMQ: {headers.get('x-first-death-reason', 'unknown')}"
    first_seen = datetime.fromtimestamp(delivery.sent_at, UTC) if delivery.sent_at else None
    return DeadLetter(delivery.body, str(reason), first_seen)


def _refused(rejection: Rejection) -> Outgoing:
    delivery, reason, body = rejection
    return body, _persistent(delivery.sent_at or time.time(), {**_kept_headers(delivery), REASON: reason})


def _copy(delivery: Delivery) -> Outgoing:
    return delivery.body, _persistent(delivery.sent_at or time.time(), _kept_headers(delivery))


def _kept_headers(delivery: Delivery) -> dict[str, str]:
    """Return the headers that can be sent once more: a producer of somebody else's can write what pika cannot.

    Those that say why a message was refused are not among them.
    """
    headers = (delivery.headers or {}).items()
    return {
        name: text
        for name, text in headers
        if isinstance(name, str)
        and isinstance(text, str)
        and len(text) < MAX_HEADER
        and name != REASON
        and not name.startswith("x-first-death")
    }


def _persistent(sent_at: float, headers: Mapping[str, Any] | None = None) -> BasicProperties:
    """Return the properties of a message that survives a restart, first published at `sent_at`, in epoch seconds."""
    headers = {**(headers or {}), SENT_AT: int(1000 * sent_at)}
    return BasicProperties(delivery_mode=2, timestamp=int(sent_at), headers=headers)


def _parameters(url: str) -> pika.URLParameters:
    """Read one node's URL; what it says in its query goes before our defaults."""
    try:
        parameters = pika.URLParameters(url)
    except (ValueError, TypeError, KeyError):  # says parts of the URL, so perhaps of the password
        raise BrokerMisconfigured(
            "BROKER_URL is no AMQP URL: look at the port, and percent-encode special characters of the password"
        ) from None
    if "heartbeat=" not in url:
        parameters.heartbeat = HEARTBEAT
    parameters.socket_timeout = parameters.stack_timeout = CONNECT_TIMEOUT
    parameters.client_properties = {"connection_name": "watch-time"}
    return parameters


def _root(error: BaseException) -> BaseException:
    """Return the first cause, which pika wraps in up to three errors of its own."""
    wrapped = [*getattr(error, "exceptions", ()), getattr(error, "exception", None), *error.args]
    causes = [cause for cause in wrapped if isinstance(cause, BaseException)]
    return _root(causes[-1]) if causes else error


def _words(error: BaseException) -> str:
    """Return what an error says: pika's own say it in quotes and brackets."""
    return error.args[0] if len(error.args) == 1 and isinstance(error.args[0], str) else str(error) or repr(error)
