"""One connection to RabbitMQ, on an I/O thread of its own. Works on pika's objects, but only rabbitmq.py imports pika.

Heartbeats go on whatever the callers do, and any number of threads can publish at once.
"""

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol

from broker.confirms import Confirms, Publication, settle
from broker.delivery import Delivery
from broker.errors import ONE_READER, BrokerError, BrokerUnavailable, NothingStored, nothing_stored

logger = logging.getLogger(__name__)

SILENT_HEARTBEATS = 2  # without a byte from RabbitMQ, which sends two in each; pika alone waits 5 seconds longer
CONNECT_TIMEOUT = 5.0  # seconds
CLOSE_TIMEOUT = 2.0
WATCH_INTERVAL = 0.5
MAX_WAIT_FOR_READER, LOOK_INTERVAL = 1.0, 0.05
REFUSAL_TIMEOUT = 1.0  # a channel opened while the queue has no leader refuses everything, also when it has one again
MAX_UNCONFIRMED = 50_000  # messages in memory that wait for their confirm
REFUSAL = "refused a message: the queue is full, or has no leader now"
BLOCKED = "takes no messages now: a memory or disk alarm"
CLOSED = "the connection was closed"
SENT_AT = "timestamp_in_ms"  # the name that RabbitMQ's own plugins use for it
LATEST = 253_402_300_800  # the end of the year 9999, in seconds since the epoch


class Line(Protocol):
    """What a connection is made of: pika's connection, its loop, and what pika's errors mean."""

    broker: str  # what it leads to, with its address, for people
    heartbeat: float  # seconds; 0 for none

    def open(self, on_open: Callable[..., object], on_lost: Callable[..., object]) -> Any:
        """Begin to connect; return pika's connection. Called on the I/O thread, as are all the others."""

    def shut(self) -> None:
        """Shut the socket, so that the connection ends although its other end does not answer."""

    def close(self) -> None:
        """Free what the connection has used."""

    def explain(self, reason: BaseException, was_ready: bool) -> BrokerError:
        """Say what pika's error means to the operator."""


class Connection:
    """One connection with one channel, from its opening to its end, on an I/O thread of its own.

    It never connects again. Who needs another connection makes another object, so no tag and
    no confirm outlives the connection that it belongs to. Methods that start with `_on` run on
    the I/O thread; everything else may be called from any thread. `publish_timeout` is in seconds,
    and so is `delay`, before it connects.
    """

    def __init__(
        self, line: Line, topology: Mapping[str, Mapping[str, Any]], publish_timeout: float, delay: float = 0
    ) -> None:
        self.pid = os.getpid()
        self.inbox: SimpleQueue[Delivery] = SimpleQueue()
        self.ended_at: float | None = None
        self.was_ready = False
        self._line = line
        self._error: BrokerError | None = None
        self._connection: Any = None
        self._channel: Any = None
        self._blocked = False
        self._publish_timeout = publish_timeout
        self._began = self._heard_at = time.monotonic() + max(delay, 0)
        self._bytes_heard = 0
        self._silence = SILENT_HEARTBEATS * line.heartbeat or math.inf
        self._closing = threading.Event()
        self._topology = topology
        self._lock = threading.Lock()
        self._ready: Future[None] = Future()
        self._requests: set[Future[Any]] = set()
        self._outbox: list[Publication] = []
        self._confirms = Confirms()
        self._thread = threading.Thread(target=self._run, args=(delay,), name="rabbitmq-io", daemon=True)
        self._thread.start()

    def wait_until_ready(self, timeout: float) -> None:
        """Return when messages can be published. Raises BrokerError when that fails or takes too long."""
        if not self.was_ready:
            self._result(self._ready, timeout)

    def raise_if_ended(self) -> None:
        if self._error is not None:
            raise self._error

    def raise_if_blocked(self) -> None:
        """Raise NothingStored while RabbitMQ takes no messages."""
        if self._blocked:
            raise NothingStored(f"{self._line.broker} {BLOCKED}")

    def publish(self, queue: str, messages: Sequence[tuple[bytes, Any]], timeout: float) -> None:
        """Return when every message is confirmed. Raises BrokerUnavailable otherwise, and after `timeout` seconds.

        It is NothingStored where nothing was sent.
        """
        self.raise_if_blocked()
        if len(self._confirms) > MAX_UNCONFIRMED:
            raise NothingStored(f"{len(self._confirms)} messages wait for their confirm already")
        publication = Publication(queue, messages)
        with self._lock:
            with nothing_stored():
                self.raise_if_ended()
            self._requests.add(publication.done)
            is_first = not self._outbox  # who finds others waiting need not wake the I/O thread again
            self._outbox.append(publication)
        if is_first:
            self._on_io_thread(self._on_outbox)
        self._result(publication.done, timeout)

    def consume(self, queue: str, tag: str, prefetch: int) -> None:
        """Have messages of a queue delivered to the inbox, at most `prefetch` of them unacknowledged."""
        self.request(lambda channel, done: channel.basic_qos(prefetch_count=prefetch, callback=done))
        self.request(
            lambda channel, done: channel.basic_consume(queue, self._on_message, consumer_tag=tag, callback=done)
        )

    def cancel(self, tag: str) -> None:
        """Return when no message is delivered any more. What was delivered can still be acknowledged."""
        self.request(lambda channel, done: channel.basic_cancel(tag, callback=done))

    def depth(self, queue: str) -> int:
        """Return how many messages wait in a queue and are not handed out."""
        return int(self._declared(queue).message_count)

    def require_no_reader(self, queue: str) -> None:
        """Raise BrokerUnavailable when a queue has a consumer: no depth and no purge has the messages that it holds.

        A reader that has just closed its connection is waited for: RabbitMQ takes its messages back a little later.
        """
        deadline = time.monotonic() + MAX_WAIT_FOR_READER
        while self._declared(queue).consumer_count:
            if time.monotonic() > deadline:
                raise BrokerUnavailable(ONE_READER)
            time.sleep(LOOK_INTERVAL)

    def _declared(self, queue: str) -> Any:
        return self.request(lambda channel, done: channel.queue_declare(queue, passive=True, callback=done)).method

    def request(self, method: Callable[[Any, Callable[[Any], None]], object]) -> Any:
        """Call a method of the channel that takes a callback; return what the broker answers."""
        answer: Future[Any] = Future()
        with self._lock:
            self.raise_if_ended()
            self._requests.add(answer)
        self._on_io_thread(lambda: method(self._channel, partial(settle, answer)))
        return self._result(answer, CONNECT_TIMEOUT)

    def call(self, method: Callable[[Any], object]) -> None:
        """Call a method of the channel that the broker does not answer."""
        self.raise_if_ended()
        self._on_io_thread(lambda: method(self._channel))

    def close(self) -> None:
        """End the connection, after what was called before."""
        self._closing.set()
        if self._connection is not None:
            self._on_io_thread(partial(self._on_end, BrokerUnavailable(CLOSED)))
        self._thread.join(CLOSE_TIMEOUT)

    def _result(self, future: "Future[Any]", timeout: float) -> Any:
        try:
            return future.result(max(timeout, 0))
        except TimeoutError:
            raise self._trouble(f"did not answer within {timeout:.1f} s") from None
        finally:
            self._requests.discard(future)

    def _trouble(self, what: str) -> BrokerUnavailable:
        return BrokerUnavailable(f"{self._line.broker} {what}")

    def _on_io_thread(self, callback: Callable[[], object]) -> None:
        if self._connection is not None:
            self._connection.ioloop.add_callback_threadsafe(partial(self._on_call, callback))

    def _run(self, delay: float) -> None:
        self._closing.wait(max(delay, 0))
        try:
            self._connection = self._line.open(self._on_open, self._on_lost)
            self._connection.ioloop.call_later(0, self._on_watch)
            self._connection.ioloop.start()
        except Exception as error:
            if self._error is None:  # else pika stumbles over what we ended while it was opening
                logger.exception("the connection to %s failed", self._line.broker)
            self._on_end(BrokerUnavailable(f"the connection to {self._line.broker} failed: {error!r}"))
        finally:
            self._line.close()

    def _on_call(self, callback: Callable[[], object]) -> None:
        try:
            callback()
        except Exception as error:  # such as pika's, when the channel closed before its turn came
            self._on_lost(None, error)

    def _on_watch(self) -> None:
        """End a connection that has stopped working without closing: a new one has the better chance."""
        now = time.monotonic()
        if self._connection.bytes_received != self._bytes_heard:
            self._bytes_heard, self._heard_at = self._connection.bytes_received, now
        if self._closing.is_set():
            self._on_end(BrokerUnavailable(CLOSED))
        elif now - self._heard_at > self._silence:
            self._on_end(self._trouble("is silent"), politely=False)
        elif not self.was_ready and now - self._began > 2 * CONNECT_TIMEOUT:
            self._on_end(self._trouble("does not get the queues ready"))
        elif now - self._confirms.oldest() > self._publish_timeout and not self._blocked:
            self._on_end(self._trouble("does not confirm"))
        elif now - self._confirms.refusing_since > REFUSAL_TIMEOUT:
            self._on_end(self._trouble(REFUSAL))
        else:
            self._connection.ioloop.call_later(WATCH_INTERVAL, self._on_watch)

    def _on_open(self, connection: Any) -> None:
        connection.add_on_connection_blocked_callback(self._on_blocked)
        connection.add_on_connection_unblocked_callback(self._on_unblocked)
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Any) -> None:
        self._channel = channel
        channel.add_on_close_callback(self._on_lost)
        channel.add_on_cancel_callback(self._on_cancel)
        channel.add_on_return_callback(self._on_return)
        steps: list[Callable[..., object]] = [partial(channel.confirm_delivery, self._on_confirm)]
        for name, arguments in self._topology.items():
            steps.append(partial(channel.queue_declare, name, durable=True, arguments=arguments))
        self._on_step(iter(steps), None)

    def _on_step(self, steps: Iterator[Callable[..., object]], _answer: object) -> None:
        """Take the next step of the set-up when the last one was answered."""
        if step := next(steps, None):
            step(callback=partial(self._on_step, steps))
        else:
            self.was_ready = True
            settle(self._ready, None)

    def _on_outbox(self) -> None:
        """Publish what any threads have handed over by now."""
        with self._lock:
            publications, self._outbox = self._outbox, []
        for publication in publications:
            publication.context.run(self._on_publish, publication)

    def _on_publish(self, publication: Publication) -> None:
        for body, properties in publication.messages:
            self._confirms.expect(publication)
            self._channel.basic_publish("", publication.queue, body, properties, mandatory=True)

    def _on_confirm(self, frame: Any) -> None:
        refusal = self._trouble(REFUSAL) if frame.method.NAME == "Basic.Nack" else None
        self._confirms.settle(frame.method.delivery_tag, frame.method.multiple, refusal)

    def _on_return(self, *_returned: object) -> None:
        # Comes before the confirm of the same message. A new connection declares the queue again.
        self._on_end(self._trouble("has no such queue any more"))

    def _on_message(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        sent_at = _sent_at(properties)
        self.inbox.put(Delivery(body, method.delivery_tag, method.redelivered, sent_at, properties.headers))

    def _on_cancel(self, _frame: object) -> None:
        self._on_end(self._trouble("cancelled the consumer: its queue was deleted or moved"))

    def _on_blocked(self, *_blocked: object) -> None:
        self._blocked = True
        self._confirms.fail(self._trouble(BLOCKED))

    def _on_unblocked(self, *_unblocked: object) -> None:
        self._blocked = False

    def _on_lost(self, _source: object, reason: BaseException) -> None:
        self._on_end(self._line.explain(reason, self.was_ready))

    def _on_end(self, error: BrokerError, politely: bool = True) -> None:
        """End the connection, once: nobody waits for it any longer, and its socket closes."""
        with self._lock:
            if self._error is None:
                self._error, self.ended_at = error, time.monotonic()
            waiting = [self._ready, *self._requests]
        for future in waiting:
            settle(future, self._error)
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
        """End a connection whose other end does not answer."""
        if self._connection.is_open or self._connection.is_closing:
            self._line.shut()
        elif not self._connection.is_closed:
            self._connection.close()  # while it opens, pika does not wait for an answer


def _sent_at(properties: Any) -> float | None:
    """Return when a message was published, in seconds since the epoch: by our header, else by the property.

    The property is in seconds, but some producers write milliseconds there. None when it is neither.
    """
    milliseconds = (properties.headers or {}).get(SENT_AT)
    if not isinstance(milliseconds, int) and properties.timestamp is not None:
        milliseconds = properties.timestamp if properties.timestamp >= LATEST else 1000 * properties.timestamp
    if not isinstance(milliseconds, int) or not 0 <= milliseconds < 1000 * LATEST:
        return None
    return milliseconds / 1000
