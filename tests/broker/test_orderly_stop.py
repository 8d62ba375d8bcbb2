"""A consumer that stops in order: what nobody looked at comes to the next one as new."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from broker import Broker, Delivery, Rejection, Subscription, TryAgain, open_broker
from broker.database import DatabaseBroker
from tests import services
from tests.faults.proxy import Proxy
from tests.processes import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

MESSAGES = [b"%d" % number for number in range(3000)]


@pytest.fixture
def far_away() -> Iterator[str]:
    """The URL of a RabbitMQ whose answers take a while to arrive."""
    url = urlsplit(services.RABBITMQ_URL)
    with closing(Proxy(url.port or 5672)) as proxy:
        proxy.delay(0.03)
        yield url._replace(netloc=f"{url.username}:{url.password}@127.0.0.1:{proxy.port}").geturl()


@pytest.fixture(
    params=["database", *(pytest.param(name, marks=pytest.mark.any_database) for name in ("rabbitmq", "far_away"))]
)
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    if request.param == "database":
        opened: Broker = DatabaseBroker("stop.events", lease=60)
    else:
        queue = request.getfixturevalue("rabbitmq_queue")
        url = request.getfixturevalue("far_away") if request.param == "far_away" else services.RABBITMQ_URL
        opened = open_broker(url, queue)
    with closing(opened):
        yield opened


class Saver:
    """Saves deliveries until it has seen `count` of them, then tells the consumer to stop."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.stop = threading.Event()
        self.count = count
        self.error = error
        self.saved: list[Delivery] = []
        self.unsure: Sequence[Delivery] = ()  # the batch that was refused with the error

    def __call__(self, deliveries: Sequence[Delivery]) -> list[Rejection]:
        if len(self.saved) + len(deliveries) >= self.count:
            self.stop.set()
            if self.error is not None:
                self.unsure = deliveries
                raise self.error
        self.saved += deliveries
        return []

    def consume(self, broker: Broker) -> list[Delivery]:
        deadline = time.monotonic() + 60

        def report(_subscription: Subscription) -> None:
            if time.monotonic() > deadline:
                self.stop.set()

        broker.consume_and_save(
            self, batch_size=100, linger=0.02, stop=self.stop, report=report, repeatable=lambda _delivery: False
        )
        return self.saved


def test_what_nobody_looked_at_is_new_to_the_next_consumer(broker: Broker) -> None:
    broker.publish(MESSAGES)
    saved = Saver(500).consume(broker)
    assert 500 <= len(saved) < 2000
    rest = Saver(3000 - len(saved)).consume(broker)
    assert sorted(delivery.body for delivery in saved + rest) == sorted(MESSAGES)
    assert not any(delivery.redelivered for delivery in rest)


def test_only_the_batch_that_may_have_been_saved_is_a_redelivery(broker: Broker) -> None:
    """Told to stop while the database is away."""
    broker.publish(MESSAGES)
    saver = Saver(500, TryAgain("the answer to COMMIT was lost"))
    saved = saver.consume(broker)
    rest = Saver(3000 - len(saved)).consume(broker)
    assert sorted(delivery.body for delivery in saved + rest) == sorted(MESSAGES)
    redelivered = {delivery.body for delivery in rest if delivery.redelivered}
    assert redelivered == {delivery.body for delivery in saver.unsure} != set()


def test_what_can_be_told_from_a_new_one_is_not_published_again(broker: Broker) -> None:
    """It is given back: it keeps its place in the embedded queue, and RabbitMQ tells that it was delivered."""
    broker.publish(MESSAGES)
    saver = Saver(500)
    broker.consume_and_save(saver, batch_size=100, linger=0.02, stop=saver.stop)
    wait_for(lambda: broker.depths().waiting == 3000 - len(saver.saved), 10, "the rest is back")
    with closing(broker.subscribe(broker.queue, 1)) as subscription:
        (first,) = subscription.receive(1, 5)
    assert first.redelivered or first.body == MESSAGES[len(saver.saved)]
