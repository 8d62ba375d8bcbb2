"""What RabbitMQ 4 has removed, or refuses unless it is asked not to, is not used: held to every frame that is sent.

https://www.rabbitmq.com/docs/deprecated-features lists it. RabbitMQ 3 takes all of it, so a test against its answers
would show nothing; what the client sends does.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pika
import pytest
from pika import frame, spec

from broker.rabbitmq import RabbitMQClient
from tests import services
from tests.services import ROOT

SMALLEST_FRAME = 8_192  # bytes; RabbitMQ 4.1 refuses clients that allow less


class Recorder:
    """Forwards connections to RabbitMQ, and keeps what the clients sent."""

    def __init__(self) -> None:
        self._streams: list[bytearray] = []
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = urlsplit(services.RABBITMQ_URL)._replace(netloc=f"guest:guest@127.0.0.1:{self._port}").geturl()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def _port(self) -> int:
        return int(self._listener.getsockname()[1])

    def _accept(self) -> None:
        target = urlsplit(services.RABBITMQ_URL)
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((target.hostname or "127.0.0.1", target.port or 5672))
                self._sockets += [client, server]
                self._streams.append(bytearray())
                for source, to, kept in ((client, server, self._streams[-1]), (server, client, bytearray())):
                    threading.Thread(target=self._forward, args=(source, to, kept), daemon=True).start()

    def _forward(self, source: socket.socket, to: socket.socket, kept: bytearray) -> None:
        with suppress(OSError):  # closed
            while chunk := source.recv(65_536):
                kept += chunk
                to.sendall(chunk)
            to.shutdown(socket.SHUT_WR)

    def methods(self) -> Iterator[Any]:
        """Yield each method that a client sent."""
        for stream in self._streams:
            left = bytes(stream)
            while left:
                length, decoded = frame.decode_frame(left)
                assert length, "a frame is not complete"
                if isinstance(decoded, frame.Method):
                    yield decoded.method
                left = left[length:]

    def close(self) -> None:
        for each in (self._listener, *self._sockets):
            each.close()


def removed(method: Any) -> str | None:
    """Return the name of the removed feature that a method uses."""
    if isinstance(method, spec.Basic.Qos) and method.global_qos:
        return "global_qos"
    if isinstance(method, spec.Queue.Declare) and not method.passive:
        mirrored = (method.arguments or {}).keys() & {"x-ha-policy", "x-queue-master-locator", "x-queue-mode"}
        if mirrored:
            return "classic_queue_mirroring"
        if not method.durable and not method.exclusive:
            return "transient_nonexcl_queues"
    if isinstance(method, spec.Connection.TuneOk) and method.frame_max < SMALLEST_FRAME:
        return "small frames"
    if isinstance(method, spec.Basic.Publish) and method.immediate:
        return "immediate"
    if isinstance(method, spec.Basic.Recover) and not method.requeue:
        return "recover without requeue"
    return None


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    services.require(services.rabbitmq_answers(), f"RabbitMQ at {services.RABBITMQ_URL}")
    with closing(Recorder()) as made:
        yield made


def test_the_client_uses_none_of_it(recorder: Recorder, rabbitmq_queue: str) -> None:
    client = RabbitMQClient(recorder.url, rabbitmq_queue, publish_timeout=5, max_length=1000)
    with closing(client):
        client.publish([b"good", b"bad", b"left"])
        with closing(client.subscribe(rabbitmq_queue, prefetch=2)) as subscription:
            good, bad = subscription.receive(1, 5) + subscription.receive(1, 5)
            subscription.dead_letter([bad.rejected("a reason")])
            subscription.acknowledge([good, bad])
            subscription.widen(3)
            subscription.give_back(subscription.receive(1, 5))
        assert [letter.body for letter in client.list_dead_letters(10)] == [b"bad"]
        assert client.replay_dead_letters() == 1
        client.check()
        assert client.depths().dead == 0
        client.purge_dead_letters()
    sent = [*recorder.methods()]
    names = {method.NAME for method in sent}
    assert {"Queue.Declare", "Basic.Qos", "Basic.Consume", "Basic.Publish", "Basic.Ack", "Connection.TuneOk"} <= names
    assert [found for method in sent if (found := removed(method))] == []
    declared = [method for method in sent if isinstance(method, spec.Queue.Declare) and not method.passive]
    assert {method.arguments["x-queue-type"] for method in declared} == {"quorum"}


@contextmanager
def plain(recorder: Recorder, **parameters: int) -> Iterator["pika.adapters.blocking_connection.BlockingChannel"]:
    """Give a channel of a client that the recorder listens to."""
    settings = pika.URLParameters(recorder.url)
    for name, value in parameters.items():
        setattr(settings, name, value)
    with closing(pika.BlockingConnection(settings)) as connection:
        yield connection.channel()


def test_a_client_that_does_would_be_found(recorder: Recorder, rabbitmq_queue: str) -> None:
    with plain(recorder, frame_max=4096) as channel:
        channel.basic_qos(prefetch_count=1, global_qos=True)
        channel.queue_declare(rabbitmq_queue)
        channel.queue_delete(rabbitmq_queue)
        channel.queue_declare(rabbitmq_queue, durable=True, arguments={"x-queue-mode": "lazy"})
    found = {feature for method in recorder.methods() if (feature := removed(method))}
    assert found == {"small frames", "global_qos", "transient_nonexcl_queues", "classic_queue_mirroring"}


def test_nothing_that_is_deployed_asks_for_it() -> None:
    """Mirroring came by policies, which an operator's files would have."""
    words = ("ha-mode", "ha-params", "queue-master-locator", "set_policy", "ram_node", "disc_node")
    files = [path for path in (ROOT / "deploy").rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [f"{path}: {word}" for path in files for word in words if word in path.read_text()] == []
