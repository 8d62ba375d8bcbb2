"""Neither queue grows without end: events are refused, dead letters drop the oldest, and good events go on."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta

import pytest
from django.utils import timezone

from broker import Broker, BrokerUnavailable, Delivery
from broker.database import DatabaseBroker
from broker.models import Message
from broker.rabbitmq import RabbitMQClient
from broker.topology import DELIVERY_LIMIT, topology
from tests import services
from tests.processes import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = 50
Open = Callable[[], Broker]


@pytest.fixture(params=["database", pytest.param("rabbitmq", marks=pytest.mark.any_database)])
def opened(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Give what opens the broker; every call opens another one on the same queue."""
    queue = "bounds.events" if request.param == "database" else request.getfixturevalue("rabbitmq_queue")
    with ExitStack() as stack:

        def open_one() -> Broker:
            if request.param == "database":
                broker: Broker = DatabaseBroker(queue, max_length=LIMIT, lease=60)
            else:
                broker = RabbitMQClient(services.RABBITMQ_URL, queue, publish_timeout=5, max_length=LIMIT)
            return stack.enter_context(closing(broker))

        yield open_one


def fill(broker: Broker) -> int:
    """Publish one message after the other until it is refused; return how many were taken."""
    for count in range(10 * LIMIT):
        try:
            broker.publish([b"x"])
        except BrokerUnavailable as error:
            assert "full" in str(error)  # noqa: PT017
            return count
    raise AssertionError("the queue takes everything")


def take(broker: Broker, count: int) -> None:
    with closing(broker.subscribe(broker.queue, count)) as subscription:
        while count:
            deliveries = subscription.receive(count, 5)
            subscription.acknowledge(deliveries)
            count -= len(deliveries)


def test_a_full_queue_refuses_and_takes_again_when_there_is_room(opened: Open) -> None:
    broker, other = opened(), opened()
    taken = fill(broker)
    assert LIMIT <= taken <= LIMIT + 5  # RabbitMQ hears of its length a moment later
    with pytest.raises(BrokerUnavailable, match="full"):
        broker.check()
    with pytest.raises(BrokerUnavailable, match="full"):
        other.publish([b"x"])
    take(broker, taken)

    def takes() -> bool:
        try:
            broker.publish([b"x"])
        except BrokerUnavailable:
            return False
        return True

    wait_for(takes, 10, "there is room again")


def dead_letter(broker: Broker, bodies: list[bytes]) -> None:
    """Refuse as many messages as there are bodies."""
    with closing(broker.subscribe(broker.queue, len(bodies))) as subscription:
        broker.publish(bodies)
        deliveries: list[Delivery] = []
        while len(deliveries) < len(bodies):
            deliveries += subscription.receive(len(bodies) - len(deliveries), 5)
        subscription.dead_letter([delivery.rejected("bad") for delivery in deliveries])
        subscription.acknowledge(deliveries)


def test_dead_letters_drop_the_oldest_and_count_them(opened: Open) -> None:
    broker = opened()
    bodies = [b"%d" % number for number in range(3 * LIMIT)]
    for start in range(0, len(bodies), 30):
        dead_letter(broker, bodies[start : start + 30])
    wait_for(lambda: broker.depths().waiting == 0, 10, "good events would go on")
    kept = [letter.body for letter in broker.list_dead_letters(1000)]
    assert kept == bodies[-LIMIT:]
    assert broker.dropped == 2 * LIMIT


def test_dead_letters_are_dropped_when_they_are_too_old(caplog: pytest.LogCaptureFixture) -> None:
    broker = DatabaseBroker("old.events", dead_letter_days=7)
    dead_letter(broker, [b"%d" % number for number in range(4)])
    now = timezone.now()
    Message.objects.filter(body__in=[b"0", b"2"]).update(refused_at=now - timedelta(days=8))
    Message.objects.filter(body=b"1").update(refused_at=now - timedelta(days=6), sent_at=now - timedelta(days=60))
    again = DatabaseBroker("old.events", dead_letter_days=7)
    again.subscribe(again.queue, 1)
    assert [letter.body for letter in again.list_dead_letters(10)] == [b"1", b"3"]
    assert again.dropped == 2
    assert "dropped the 2 oldest dead letters of old.dead: they are older than 7 days" in caplog.text


def test_rabbitmq_is_told_the_same_bounds() -> None:
    arguments = topology("q.events", "q.dead", max_length=LIMIT, dead_letter_days=7)["q.dead"]
    assert arguments["x-max-length"] == LIMIT
    assert arguments["x-overflow"] == "drop-head"
    assert arguments["x-message-ttl"] == 7 * 24 * 3600 * 1000


def test_a_message_that_kills_its_consumer_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    """On RabbitMQ, its own limit does that."""
    broker = DatabaseBroker("killer.events", lease=0.0)
    broker.publish([b"killer", b"good"])
    for _ in range(DELIVERY_LIMIT):
        (delivery,) = broker.subscribe(broker.queue, 1).receive(1, 0)  # and dies
        assert delivery.body == b"killer"
    with closing(broker.subscribe(broker.queue, 1)) as subscription:
        (delivery,) = subscription.receive(1, 1)
        assert (delivery.body, delivery.redelivered) == (b"good", False)
    (letter,) = broker.list_dead_letters(10)
    assert letter.body == b"killer"
    assert letter.reason.startswith("given up after 100 deliveries")
