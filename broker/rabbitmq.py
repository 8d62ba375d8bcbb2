"""One connection to RabbitMQ, on an I/O thread of its own. The only file that imports pika.

Heartbeats go on whatever the callers do, and any number of threads can publish at once.
"""

import logging
import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from queue import SimpleQueue
from typing import Any, cast

import pika
from pika.adapters.select_connection import SelectConnection
from pika.channel import Channel
from pika.exceptions import (
    AMQPError,
    AMQPHeartbeatTimeout,
    AuthenticationError,
    ChannelClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)
from pika.spec import PRECONDITION_FAILED, Basic, BasicProperties, Queue

from broker.delivery import Delivery
from broker.errors import BrokerError, BrokerMisconfigured, BrokerUnavailable

logger = logging.getLogger(__name__)

# Seconds. RabbitMQ gives a silent client up after two to three of them, and has its messages
# delivered again. A false alarm costs one connection, and no message.
HEARTBEAT = 2
SILENT_HEARTBEATS = 2  # without a byte from RabbitMQ, which sends two in each; pika alone waits 5 seconds longer
CONNECT_TIMEOUT = 5.0
CLOSE_TIMEOUT = 2.0
WATCH_INTERVAL = 0.5
REFUSAL_PATIENCE = 1.0  # a channel opened while the queue has no leader refuses everything, also when it has one again
MAX_UNCONFIRMED = 50_000  # messages in memory that wait for their confirm
REFUSAL = "RabbitMQ refused a message: the queue is full, or has no leader now"
BLOCKED = "RabbitMQ takes no messages now: a memory or disk alarm"
SENT_AT = "timestamp_in_ms"  # the name that RabbitMQ's own plugins use for it
LATEST_MS = 253_402_300_800_000  # the end of the year 9999
REFUSED = re.compile(r"\((403|530)\)")  # access refused, not allowed


class _Connection(SelectConnection):  # type: ignore[misc]  # pika declares no types
    """Can send many frames in one piece. Pika alone makes three system calls of each message, and three small packets.

    Where a later pika names its method otherwise, frames go out one by one again, and a test says so.
    """

    _pieces: list[bytes] | None = None

    @contextmanager
    def in_one_piece(self) -> Iterator[None]:
        pieces: list[bytes] = []
        self._pieces = pieces
        try:
            yield
        finally:
            self._pieces = None
            if pieces:
                self._output_marshaled_frames([b"".join(pieces)])

    def _output_marshaled_frames(self, marshaled_frames: Sequence[bytes]) -> None:
        if self._pieces is None:
            super()._output_marshaled_frames(marshaled_frames)
        else:
            self._pieces += marshaled_frames


Outgoing = tuple[bytes, BasicProperties]


@dataclass(eq=False)
class Publication:
    """Messages that are published together, and the future that their publisher waits for."""

    queue: str
    messages: Sequence[Outgoing]
    unconfirmed: int
    done: "Future[None]" = field(default_factory=Future)
    sent_at: float = 0.0


class Session:
    """One connection with one channel, from its opening to its end, on an I/O thread of its own.

    It never connects again. Who needs another connection makes another session, so no tag and
    no confirm outlives the connection that it belongs to. Methods that start with `_on` run on
    the I/O thread; everything else may be called from any thread.
    """

    def __init__(
        self,
        parameters: pika.URLParameters,
        topology: Mapping[str, Mapping[str, Any]],
        consume: str | None,
        prefetch: int,
        delay: float,
        patience: float,
    ) -> None:
        self.pid = os.getpid()
        self.inbox: SimpleQueue[Delivery] = SimpleQueue()
        self.backlogs: dict[str, int] = {}
        self.ended_at: float | None = None
        self.was_ready = False
        self._error: BrokerError | None = None
        self._connection: _Connection | None = None
        self._blocked = False
        self._patience = patience
        self._began = self._heard_at = time.monotonic() + max(delay, 0)
        self._bytes_heard = 0
        self._refusing_since = math.inf
        self._silence = SILENT_HEARTBEATS * parameters.heartbeat or math.inf  # a heartbeat of 0 is none
        self._closing = threading.Event()
        self._topology = topology
        self._consume = consume
        self._prefetch = prefetch
        self._lock = threading.Lock()
        self._ready: Future[None] = Future()
        self._requests: set[Future[Any]] = set()
        self._outbox: list[Publication] = []
        self._unconfirmed: dict[int, Publication] = {}
        self._last_tag = 0
        self._thread = threading.Thread(target=self._run, args=(parameters, delay), name="rabbitmq-io", daemon=True)
        self._thread.start()

    def wait_until_ready(self, timeout: float) -> None:
        """Return when messages can be published. Raises BrokerError when that fails or takes too long."""
        if not self.was_ready:
            self._result(self._ready, timeout)

    def raise_if_ended(self) -> None:
        if self._error is not None:
            raise self._error

    def raise_if_blocked(self) -> None:
        """Raise BrokerUnavailable while RabbitMQ takes no messages."""
        if self._blocked:
            raise BrokerUnavailable(BLOCKED)

    def publish(self, queue: str, messages: Sequence[Outgoing], timeout: float) -> None:
        """Return when every message is confirmed. Raises BrokerUnavailable otherwise, and after `timeout` seconds."""
        self.raise_if_blocked()
        if len(self._unconfirmed) > MAX_UNCONFIRMED:
            raise BrokerUnavailable(f"{len(self._unconfirmed)} messages wait for their confirm already")
        publication = Publication(queue, messages, len(messages))
        with self._lock:
            self.raise_if_ended()
            self._requests.add(publication.done)
            is_first = not self._outbox  # who finds others waiting need not wake the I/O thread again
            self._outbox.append(publication)
        if is_first:
            self._on_io_thread(self._on_outbox)
        self._result(publication.done, timeout)

    def request(self, method: Callable[[Channel, Callable[[Any], None]], object]) -> Any:
        """Call a method of the channel that takes a callback; return what the broker answers."""
        answer: Future[Any] = Future()
        self._begin(answer, lambda: method(self._channel, partial(_settle, answer)))
        return self._result(answer, CONNECT_TIMEOUT)

    def depth(self, queue: str) -> int:
        """Return how many messages wait in a queue and are not handed out."""
        declared = self.request(lambda channel, done: channel.queue_declare(queue, passive=True, callback=done))
        return int(declared.method.message_count)

    def call(self, method: Callable[[Channel], object]) -> None:
        """Call a method of the channel that the broker does not answer."""
        self.raise_if_ended()
        self._on_io_thread(lambda: method(self._channel))

    def close(self) -> None:
        """End the connection, after what was called before."""
        self._closing.set()
        if self._connection is not None:
            self._on_io_thread(partial(self._on_end, BrokerUnavailable("the connection was closed")))
        self._thread.join(CLOSE_TIMEOUT)

    def _begin(self, future: "Future[Any]", callback: Callable[[], object]) -> None:
        with self._lock:
            self.raise_if_ended()
            self._requests.add(future)
        self._on_io_thread(callback)

    def _result(self, future: "Future[Any]", timeout: float) -> Any:
        try:
            return future.result(max(timeout, 0))
        except TimeoutError:
            raise BrokerUnavailable(f"RabbitMQ did not answer within {timeout:.1f} s") from None
        finally:
            self._requests.discard(future)

    def _on_io_thread(self, callback: Callable[[], object]) -> None:
        if self._connection is not None:
            self._connection.ioloop.add_callback_threadsafe(partial(self._on_call, callback))

    def _run(self, parameters: pika.URLParameters, delay: float) -> None:
        self._closing.wait(max(delay, 0))
        try:
            self._connection = _Connection(parameters, self._on_open, self._on_lost, self._on_lost)
            self._connection.ioloop.call_later(0, self._on_watch)
            self._connection.ioloop.start()
        except Exception as error:
            logger.exception("the connection to RabbitMQ failed")
            self._on_end(BrokerUnavailable(f"the connection to RabbitMQ failed: {error!r}"))
        finally:
            if self._connection is not None:
                self._connection.ioloop.close()

    def _on_call(self, callback: Callable[[], object]) -> None:
        try:
            callback()
        except AMQPError as error:  # the channel closed before its turn came
            self._on_lost(None, error)

    def _on_watch(self) -> None:
        """End a session from which nothing is to be hoped: a new one has the better chance."""
        if (connection := self._connection) is None:
            return
        now = time.monotonic()
        if connection.bytes_received != self._bytes_heard:
            self._bytes_heard, self._heard_at = connection.bytes_received, now
        oldest = next(iter(self._unconfirmed.values()), None)
        if self._closing.is_set():
            self._on_end(BrokerUnavailable("the connection was closed"))
        elif now - self._heard_at > self._silence:
            self._on_end(BrokerUnavailable("RabbitMQ is silent"), politely=False)
        elif not self.was_ready and now - self._began > 2 * CONNECT_TIMEOUT:
            self._on_end(BrokerUnavailable("RabbitMQ does not get the queues ready"))
        elif oldest is not None and now - oldest.sent_at > self._patience and not self._blocked:
            self._on_end(BrokerUnavailable("RabbitMQ does not confirm"))
        elif now - self._refusing_since > REFUSAL_PATIENCE:
            self._on_end(BrokerUnavailable(REFUSAL))
        else:
            connection.ioloop.call_later(WATCH_INTERVAL, self._on_watch)

    def _on_open(self, connection: SelectConnection) -> None:
        connection.add_on_connection_blocked_callback(self._on_blocked)
        connection.add_on_connection_unblocked_callback(self._on_unblocked)
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Channel) -> None:
        self._channel = channel
        channel.add_on_close_callback(self._on_lost)
        channel.add_on_cancel_callback(self._on_cancel)
        channel.add_on_return_callback(self._on_return)
        steps: list[Callable[..., object]] = [partial(channel.confirm_delivery, self._on_confirm)]
        for name, arguments in self._topology.items():
            steps.append(partial(channel.queue_declare, name, durable=True, arguments=arguments))
        if self._consume is not None:
            steps.append(partial(channel.basic_qos, prefetch_count=self._prefetch))
            steps.append(partial(channel.basic_consume, self._consume, self._on_message))
        self._on_step(iter(steps), None)

    def _on_step(self, steps: Iterator[Callable[..., object]], answer: Any) -> None:
        """Take the next step of the set-up when the last one was answered."""
        if answer is not None and isinstance(answer.method, Queue.DeclareOk):
            self.backlogs[answer.method.queue] = answer.method.message_count
        if step := next(steps, None):
            step(callback=partial(self._on_step, steps))
        else:
            self.was_ready = True
            _settle(self._ready, None)

    def _on_outbox(self) -> None:
        """Publish together what any threads have handed over by now."""
        with self._lock:
            publications, self._outbox = self._outbox, []
        if self._connection is not None:
            with self._connection.in_one_piece():
                for publication in publications:
                    self._on_publish(publication)

    def _on_publish(self, publication: Publication) -> None:
        publication.sent_at = time.monotonic()
        for body, properties in publication.messages:
            self._last_tag += 1
            self._unconfirmed[self._last_tag] = publication
            self._channel.basic_publish("", publication.queue, body, properties, mandatory=True)

    def _on_confirm(self, frame: Any) -> None:
        last, multiple = frame.method.delivery_tag, frame.method.multiple
        if isinstance(frame.method, Basic.Ack):
            self._refusing_since = math.inf
        elif self._refusing_since == math.inf:
            self._refusing_since = time.monotonic()
        # Tags grow, and a dict keeps its order: what `multiple` covers comes first.
        tags = list(takewhile(lambda tag: tag <= last, self._unconfirmed)) if multiple else [last]
        for publication in map(self._unconfirmed.pop, tags):
            publication.unconfirmed -= 1
            if isinstance(frame.method, Basic.Nack):
                _settle(publication.done, BrokerUnavailable(REFUSAL))
            elif not publication.unconfirmed:
                _settle(publication.done, None)

    def _on_return(self, *_returned: object) -> None:
        # Comes before the confirm of the same message. A new connection declares the queue again.
        self._on_end(BrokerUnavailable("RabbitMQ has no such queue any more"))

    def _on_message(self, _channel: Channel, method: Basic.Deliver, properties: BasicProperties, body: bytes) -> None:
        self.inbox.put(
            Delivery(body, method.delivery_tag, method.redelivered, _sent_at(properties), properties.headers)
        )

    def _on_cancel(self, _frame: object) -> None:
        self._on_end(BrokerUnavailable("RabbitMQ cancelled the consumer: its queue was deleted or moved"))

    def _on_blocked(self, *_blocked: object) -> None:
        self._blocked = True
        for publication in self._unconfirmed.values():  # they may be confirmed when nobody waits any longer
            _settle(publication.done, BrokerUnavailable(BLOCKED))

    def _on_unblocked(self, *_unblocked: object) -> None:
        self._blocked = False

    def _on_lost(self, _source: object, reason: BaseException) -> None:
        self._on_end(_explain(reason, self.was_ready))

    def _on_end(self, error: BrokerError, politely: bool = True) -> None:
        """End the session, once: nobody waits for it any longer, and its connection closes."""
        with self._lock:
            if self._error is None:
                self._error, self.ended_at = error, time.monotonic()
            waiting = [self._ready, *self._requests]
        for future in waiting:
            _settle(future, self._error)
        connection = self._connection
        if connection is None:
            return
        if connection.is_closed:
            connection.ioloop.stop()
        elif not politely:
            self._on_hang()
        elif not connection.is_closing:
            connection.close()
            connection.ioloop.call_later(CLOSE_TIMEOUT, self._on_hang)

    def _on_hang(self) -> None:
        """Close the socket of a connection whose other end does not answer. Pika has no public way."""
        if self._connection is not None and not self._connection.is_closed:
            self._connection._terminate_stream(AMQPHeartbeatTimeout())


def _settle(future: "Future[Any]", outcome: object) -> None:
    """Give a future its result, or the error that it is, unless it has one already."""
    if future.done():
        return
    if isinstance(outcome, BrokerError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def persistent(sent_at: float, headers: Mapping[str, Any] | None = None) -> BasicProperties:
    """Return the properties of a message that survives a restart, first published at `sent_at`, in epoch seconds."""
    headers = {**(headers or {}), SENT_AT: int(1000 * sent_at)}
    return BasicProperties(delivery_mode=2, timestamp=int(sent_at), headers=headers)


def _sent_at(properties: BasicProperties) -> float | None:
    """Return when a message was published, in epoch seconds: by the header, else by the property of whole seconds."""
    milliseconds = (properties.headers or {}).get(SENT_AT)
    if isinstance(milliseconds, int) and 0 <= milliseconds < LATEST_MS:
        return milliseconds / 1000
    return cast("float | None", properties.timestamp)


def parameters(url: str) -> pika.URLParameters:
    """Read one node's URL; what it says in its query goes before our defaults."""
    try:
        parameters = pika.URLParameters(url)
    except (ValueError, TypeError, KeyError) as error:
        raise BrokerMisconfigured(f"BROKER_URL is no AMQP URL: {error}") from None
    if "heartbeat=" not in url:
        parameters.heartbeat = HEARTBEAT
    parameters.socket_timeout = parameters.stack_timeout = CONNECT_TIMEOUT
    parameters.client_properties = {"connection_name": "watch-time"}
    return parameters


def _explain(reason: BaseException, was_ready: bool) -> BrokerError:
    """Say what pika's error means to whoever set this up."""
    if isinstance(reason, ChannelClosedByBroker) and reason.reply_code == PRECONDITION_FAILED and not was_ready:
        return BrokerMisconfigured(
            f"RabbitMQ has a queue of this name with other properties ({reason.reply_text}). Delete it once it is "
            "empty, or set BROKER_QUEUE to another name"
        )
    probably_refused = isinstance(reason, (ProbableAuthenticationError, ProbableAccessDeniedError))
    # Pika takes any end in the middle of the handshake for a refusal, also a broker that was killed then.
    if isinstance(reason, AuthenticationError) or (probably_refused and REFUSED.search(str(reason))):
        return BrokerMisconfigured("RabbitMQ refuses the user, the password or the virtual host of BROKER_URL")
    return BrokerUnavailable(f"RabbitMQ is not available: {_root(reason)}")


def _root(error: BaseException) -> BaseException:
    """Return the first cause, which pika wraps in up to three errors of its own."""
    wrapped = [*getattr(error, "exceptions", ()), getattr(error, "exception", None), *error.args]
    causes = [cause for cause in wrapped if isinstance(cause, BaseException)]
    return _root(causes[-1]) if causes else error
