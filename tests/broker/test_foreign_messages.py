"""Messages of other producers: whatever stands in their properties, they and their neighbours are delivered."""

import math
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing

import pika
import pytest
from pika.spec import BasicProperties

from broker import BrokerUnavailable, Delivery, Rejection, Subscription, topology
from broker.rabbitmq import RabbitMQClient
from tests import services
from tests.processes import wait_for

NOW = int(time.time())
MAX_HEADERS = 131_000  # bytes that fit into a frame


class RawHeaders(BasicProperties):
    """Properties whose headers are bytes that pika would not write."""

    def __init__(self, table: bytes) -> None:
        super().__init__()
        self.table = table

    def encode(self) -> list[bytes]:
        return [struct.pack(">H", self.FLAG_HEADERS), struct.pack(">I", len(self.table)), self.table]


def header(kind: bytes, value: bytes, name: bytes = b"name") -> RawHeaders:
    return RawHeaders(bytes([len(name)]) + name + kind + value)


def text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def nested(kind: bytes, depth: int) -> RawHeaders:
    """Return a table in a table in a table, or arrays."""
    value = b""
    for _ in range(depth):
        value = (b"\x04name" if kind == b"F" else b"") + kind + text(value)
    return RawHeaders(value if kind == b"F" else b"\x04name" + value)


FOREIGN = {
    "timestamp in milliseconds": header(b"T", struct.pack(">Q", 1000 * NOW)),
    "timestamp of all bits": header(b"T", b"\xff" * 8),
    "decimal": header(b"D", b"\xff" + struct.pack(">i", 5)),
    "text that is not UTF-8": header(b"S", text(b"\xff\xfe")),
    "name that is not UTF-8": header(b"S", text(b"x"), name=b"\xff\xfe"),
    "reason of another type": header(b"F", text(b""), name=b"x-reason"),
    "time of another type": header(b"S", text(b"yesterday"), name=b"timestamp_in_ms"),
    "time of long ago": header(b"l", struct.pack(">q", -(2**63)), name=b"timestamp_in_ms"),
    "nested tables": nested(b"F", 3_000),
    "nested arrays": nested(b"A", 10_000),
    "bytes": header(b"x", text(b"\0\x01")),
    "nothing": header(b"V", b""),
    "boolean": header(b"t", b"\x02"),
    "8 bits": header(b"b", b"\xff"),
    "8 bits, unsigned": header(b"B", b"\xff"),
    "16 bits": header(b"s", b"\xff" * 2),
    "16 bits, unsigned": header(b"u", b"\xff" * 2),
    "32 bits": header(b"I", b"\xff" * 4),
    "32 bits, unsigned": header(b"i", b"\xff" * 4),
    "64 bits": header(b"l", b"\xff" * 8),
    "64 bits, other sign": header(b"L", b"\xff" * 8),
    "float": header(b"f", struct.pack(">f", math.pi)),
    "double": header(b"d", struct.pack(">d", math.pi)),
    "a long text": header(b"S", text(b"h" * (MAX_HEADERS - 100))),
    "many": RawHeaders(b"".join(b"\x05%05dt\x01" % number for number in range(MAX_HEADERS // 8))),
    "content type": BasicProperties(content_type="no/such; type=\x01", content_encoding="gzip"),
    "not persistent": BasicProperties(delivery_mode=1),
    "priority": BasicProperties(priority=255),
    "milliseconds in the property": BasicProperties(timestamp=1000 * NOW),
    "property of all bits": BasicProperties(timestamp=2**64 - 1),
    "names": BasicProperties(message_id="é" * 100, type="t", app_id="a", correlation_id="c", reply_to="r"),
}


@pytest.fixture
def broker(rabbitmq_queue: str) -> Iterator[RabbitMQClient]:
    client = RabbitMQClient(services.RABBITMQ_URL, rabbitmq_queue, publish_timeout=5, max_length=10_000)
    with closing(client):
        yield client


def publish(queue: str, body: bytes, properties: BasicProperties) -> None:
    with services.raw_channel() as channel:
        channel.confirm_delivery()
        channel.basic_publish("", queue, body, properties, mandatory=True)


def consume(
    broker: RabbitMQClient, count: int, reject: Sequence[bytes] = (), batch_size: int = 10, dead: int = 0
) -> list[Delivery]:
    """Consume until so many messages are done, and so many others dead letters; return the deliveries."""
    done: list[Delivery] = []
    stop = threading.Event()
    deadline = time.monotonic() + 60

    def save(deliveries: Sequence[Delivery]) -> list[Rejection]:
        done.extend(deliveries)
        return [delivery.rejected("refused") for delivery in deliveries if delivery.body in reject]

    def report(_subscription: Subscription) -> None:
        is_done = len({delivery.body for delivery in done}) >= count and (not dead or broker.depths().dead >= dead)
        if is_done or time.monotonic() > deadline:
            stop.set()

    broker.consume_and_save(save, batch_size=batch_size, linger=0.02, stop=stop, report=report)
    return done


def test_every_message_is_delivered_and_its_neighbours_too(broker: RabbitMQClient) -> None:
    broker.publish([b"first"])
    for name, properties in FOREIGN.items():
        publish(broker.queue, name.encode(), properties)
    broker.publish([b"last"])
    done = consume(broker, len(FOREIGN) + 2)
    assert [delivery.body.decode() for delivery in done] == ["first", *FOREIGN, "last"]
    assert not any(delivery.redelivered for delivery in done)
    times = {delivery.body.decode(): delivery.sent_at for delivery in done}
    assert times["milliseconds in the property"] == NOW
    assert times["property of all bits"] is None


def test_dead_letters_are_listed_and_replayed_whatever_they_carry(broker: RabbitMQClient) -> None:
    """Some operator's tool has moved them there, with all that they had."""
    broker.publish([b"declares the queues"])
    consume(broker, 1)
    for name, properties in FOREIGN.items():
        publish(broker.dead_queue, name.encode(), properties)
    wait_for(lambda: broker.depths().dead == len(FOREIGN), 10, "all are there")
    assert [letter.body.decode() for letter in broker.list_dead_letters(100)] == [*FOREIGN]
    wait_for(lambda: broker.depths().dead == len(FOREIGN), 10, "all are back")
    assert broker.replay_dead_letters() == len(FOREIGN)
    done = consume(broker, len(FOREIGN), reject=[name.encode() for name in FOREIGN])
    assert len(done) == len(FOREIGN)
    assert [letter.body.decode() for letter in broker.list_dead_letters(100)] == [*FOREIGN]
    wait_for(lambda: broker.purge_dead_letters() == len(FOREIGN), 10, "all are purged")


def test_a_message_that_expires_is_a_dead_letter(broker: RabbitMQClient) -> None:
    broker.publish([b"declares the queues"])
    publish(broker.queue, b"late", BasicProperties(expiration="1"))
    consume(broker, 1)
    wait_for(lambda: broker.depths().dead == 1, 10, "it is there")
    (letter,) = broker.list_dead_letters(10)
    assert (letter.body, letter.reason) == (b"late", "given up by RabbitMQ: expired")


def test_pika_alone_ends_the_connection_over_such_properties(broker: RabbitMQClient) -> None:
    """Why a class of this project stands in pika's table. It can go once pika decodes these properties."""
    broker.publish([b"declares the queues"])
    consume(broker, 1)
    publish(broker.queue, b"x", FOREIGN["timestamp in milliseconds"])
    registered = pika.spec.props[BasicProperties.INDEX]
    assert registered is not BasicProperties
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(pika.spec.props, BasicProperties.INDEX, BasicProperties)
        with closing(broker.subscribe(broker.queue, 1)) as subscription, pytest.raises(BrokerUnavailable, match="year"):
            subscription.receive(1, 1)


@pytest.mark.parametrize("place", [0, 57])
def test_only_the_message_that_ends_the_connection_reaches_the_delivery_limit(
    rabbitmq_queue: str, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    """As any fault of decoding would, that nobody has thought of."""
    monkeypatch.setattr(topology, "DELIVERY_LIMIT", 25)
    good = [b"%d" % number for number in range(100)]
    with closing(RabbitMQClient(services.RABBITMQ_URL, rabbitmq_queue, publish_timeout=5, max_length=10_000)) as broker:
        broker.publish(good[:place] or [b"declares the queues"])
        publish(broker.queue, b"culprit", FOREIGN["timestamp in milliseconds"])
        broker.publish(good[place:])
        with monkeypatch.context() as patch:
            patch.setitem(pika.spec.props, BasicProperties.INDEX, BasicProperties)
            consume(broker, 100, batch_size=1000, dead=1)
        (letter,) = broker.list_dead_letters(10)
        assert letter.body == b"culprit"
        assert broker.depths().waiting == 0
