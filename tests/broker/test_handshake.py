"""A broker that does not come to an agreement with the client: one clear line, and no doubt about what is stored."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from urllib.parse import urlsplit

import pytest

from broker.errors import NothingStored
from broker.rabbitmq import RabbitMQClient
from tests import services

Talk = Callable[[socket.socket], object]


def be_silent(client: socket.socket) -> None:
    while client.recv(4096):
        pass


def send_garbage(client: socket.socket) -> None:
    client.recv(8)
    client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def break_off(client: socket.socket) -> None:
    client.recv(8)


def fall_silent_after_the_greeting(client: socket.socket) -> None:
    """Pass on RabbitMQ's first frame, and answer nothing after it."""
    with socket.create_connection((urlsplit(services.RABBITMQ_URL).hostname, 5672)) as rabbitmq:
        rabbitmq.sendall(client.recv(8))
        greeting = rabbitmq.recv(4096)
        length = 8 + int.from_bytes(greeting[3:7], "big")
        while len(greeting) < length:
            greeting += rabbitmq.recv(length - len(greeting))
    client.sendall(greeting)
    be_silent(client)


def garble_after_the_greeting(client: socket.socket) -> None:
    with suppress(OSError):
        client.recv(8)
        client.sendall(b"\x01\x00\x00\x00\x00\x00\x04\x00\x0a\x00\x0b" + 100 * b"\x99")


@contextmanager
def server(talk: Talk) -> Iterator[str]:
    """Give the URL of a server that talks so with each client."""

    def serve() -> None:
        with suppress(OSError):  # it is closed at the end
            while True:
                client, _ = listener.accept()
                with client, suppress(OSError):
                    talk(client)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"amqp://guest:guest@127.0.0.1:{listener.getsockname()[1]}/"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (be_silent, "is silent|did not answer"),
        (fall_silent_after_the_greeting, "is silent|did not answer"),
        (break_off, "is not available"),
        (send_garbage, "is not available|is silent"),
        (garble_after_the_greeting, "is not available"),
    ],
)
def test_a_handshake_that_fails_is_one_line_and_stores_nothing(
    talk: Talk, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    services.require(services.rabbitmq_answers(), f"RabbitMQ at {services.RABBITMQ_URL}")
    with server(talk) as url, closing(RabbitMQClient(url, "none.events", publish_timeout=10, max_length=10)) as client:
        with pytest.raises(
            NothingStored, match=rf"^RabbitMQ at 127\.0\.0\.1:{urlsplit(url).port} ({reason})"
        ) as failed:
            client.publish([b"1"])
        assert "\n" not in str(failed.value)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING and record.exc_info] == []


def test_a_port_that_nobody_has_stores_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"amqp://guest:guest@127.0.0.1:{port}/"
    with (
        closing(RabbitMQClient(url, "none.events", publish_timeout=10, max_length=10)) as client,
        pytest.raises(NothingStored, match=rf"^RabbitMQ at 127\.0\.0\.1:{port} is not available: .*Connection refused"),
    ):
        client.publish([b"1"])
