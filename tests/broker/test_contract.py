"""What every broker must do, asked of each of them."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from django.test import override_settings

from broker import Broker, BrokerMisconfigured, Delivery, Rejection, Subscription, TryAgain, default_broker, open_broker
from broker.database import DatabaseBroker
from broker.headers import message_headers
from tests import services
from tests.processes import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
LEASE = 0.3  # seconds


@pytest.fixture(params=["database", pytest.param("rabbitmq", marks=pytest.mark.any_database)])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    if request.param == "database":
        opened: Broker = DatabaseBroker("contract.events", lease=LEASE)
    else:
        opened = open_broker(services.RABBITMQ_URL, request.getfixturevalue("rabbitmq_queue"))
    with closing(opened):
        yield opened


def receive(subscription: Subscription, count: int, seconds: float = 10) -> list[Delivery]:
    """Receive `count` deliveries, however the broker splits them."""
    deliveries: list[Delivery] = []
    deadline = time.monotonic() + seconds
    while len(deliveries) < count and time.monotonic() < deadline:
        deliveries += subscription.receive(count - len(deliveries), 0.2)
    return deliveries


def bodies(deliveries: list[Delivery]) -> list[bytes]:
    return [delivery.body for delivery in deliveries]


def nothing_arrives_for(broker: Broker, seconds: float = LEASE + 0.1) -> None:
    """Hold that nothing comes for so long: by then, every lease that was not ended has run out.

    There is no condition to wait for: what must not happen would happen by then.
    """
    with closing(broker.subscribe(broker.queue, 100)) as subscription:
        assert bodies(subscription.receive(100, seconds)) == []


def waiting(broker: Broker) -> list[bytes]:
    """Take all that is in the queue."""
    with closing(broker.subscribe(broker.queue, 100)) as subscription:
        deliveries = receive(subscription, subscription.backlog)
        if deliveries:
            subscription.acknowledge(deliveries)
        return bodies(deliveries)


def test_what_is_published_is_delivered_in_order(broker: Broker) -> None:
    messages = [b"%d" % n for n in range(250)]
    broker.publish(messages[:1])
    broker.publish(messages[1:])
    with closing(broker.subscribe(broker.queue, 1000)) as subscription:
        assert subscription.backlog == 250
        deliveries = receive(subscription, 250)
    assert bodies(deliveries) == messages
    assert not any(delivery.redelivered for delivery in deliveries)


def test_headers_and_the_time_of_publishing_come_with_each_delivery(broker: Broker) -> None:
    before = time.time()
    with message_headers({"request": "é1"}):
        broker.publish([b"1", b"2"])
    broker.publish([b"3"])
    after = time.time()
    with closing(broker.subscribe(broker.queue, 10)) as subscription:
        deliveries = receive(subscription, 3)
    assert [(delivery.headers or {}).get("request") for delivery in deliveries] == ["é1", "é1", None]
    for delivery in deliveries:
        assert delivery.sent_at is not None
        assert before - 0.001 <= delivery.sent_at <= after, "to the millisecond"


def test_a_dead_letter_keeps_its_headers(broker: Broker) -> None:
    with message_headers({"request": "7"}):
        broker.publish([b"bad"])
    with closing(broker.subscribe(broker.queue, 10)) as subscription:
        (delivery,) = receive(subscription, 1)
        subscription.dead_letter([delivery.rejected("wrong")])
        subscription.acknowledge([delivery])
    with closing(broker.subscribe(broker.dead_queue, 10)) as subscription:
        (letter,) = receive(subscription, 1)
    assert (letter.headers or {})["request"] == "7"


def test_depths_are_what_waits_and_what_was_refused(broker: Broker) -> None:
    assert broker.depths() == (0, 0)
    broker.publish([b"1", b"2", b"3"])
    with closing(broker.subscribe(broker.queue, 1)) as subscription:
        (delivery,) = receive(subscription, 1)
        subscription.dead_letter([delivery.rejected("wrong")])
        subscription.acknowledge([delivery])
        wait_for(lambda: broker.depths().dead == 1, 5, "one dead letter")
    wait_for(lambda: broker.depths() == (2, 1), 5, "two wait")


def test_a_broker_that_takes_messages_passes_its_check(broker: Broker) -> None:
    broker.check()
    broker.publish([b"1"])
    wait_for(lambda: broker.depths().waiting == 1, 5, "it takes a message")
    assert broker.depths().dead == 0


def test_nothing_published_is_nothing_delivered(broker: Broker) -> None:
    broker.publish([])
    with closing(broker.subscribe(broker.queue, 10)) as subscription:
        assert subscription.receive(10, 0.1) == []
        assert subscription.depth() == 0


@pytest.mark.parametrize("body", [b"", b"\x00\xff", b"x" * 1_000_000])
def test_bytes_stay_as_they_are(broker: Broker, body: bytes) -> None:
    broker.publish([body])
    assert waiting(broker) == [body]


def test_acknowledged_messages_are_gone_and_others_come_again(broker: Broker) -> None:
    broker.publish([b"1", b"2", b"3"])
    with closing(broker.subscribe(broker.queue, 10)) as subscription:
        subscription.acknowledge(receive(subscription, 3)[:2])
    with closing(broker.subscribe(broker.queue, 10)) as subscription:
        (again,) = receive(subscription, 1)
        assert (again.body, again.redelivered) == (b"3", True)
        subscription.acknowledge([again])
    nothing_arrives_for(broker)


def test_prefetch_bounds_what_is_held(broker: Broker) -> None:
    broker.publish([b"1", b"2", b"3"])
    with closing(broker.subscribe(broker.queue, 2)) as subscription:
        held = receive(subscription, 2)
        assert bodies(held) == [b"1", b"2"]
        with closing(broker.subscribe(broker.queue, 2)) as other:
            assert bodies(receive(other, 1)) == [b"3"]


def test_two_subscriptions_share_the_queue(broker: Broker) -> None:
    broker.publish([b"%d" % n for n in range(20)])
    with closing(broker.subscribe(broker.queue, 10)) as one, closing(broker.subscribe(broker.queue, 10)) as two:
        shares = bodies(receive(one, 10)), bodies(receive(two, 10))
    assert sorted(shares[0] + shares[1], key=int) == [b"%d" % n for n in range(20)]


def test_consume_acknowledges_what_was_taken(broker: Broker) -> None:
    broker.publish([b"1", b"2", b"3"])
    deliveries = broker.consume()
    assert next(deliveries).body == b"1"
    assert next(deliveries).body == b"2"
    deliveries.close()  # type: ignore[attr-defined]
    with closing(broker.subscribe(broker.queue, 10)) as subscription:
        assert bodies(receive(subscription, 2)) == [b"2", b"3"]


def consume(
    broker: Broker, save: Callable[..., list[Rejection]], until: Callable[[], bool], batch_size: int = 10
) -> None:
    """Consume until something holds, or fail."""
    stop = threading.Event()
    deadline = time.monotonic() + 20

    def check(_subscription: Subscription) -> None:
        if until() or time.monotonic() > deadline:
            stop.set()

    broker.consume_and_save(save, batch_size=10, linger=0.02, stop=stop, report=check)
    assert until()


def test_consume_and_save_hands_over_batches(broker: Broker) -> None:
    broker.publish([b"%d" % n for n in range(25)])
    batches: list[list[bytes]] = []

    def save(deliveries: list[Delivery]) -> list[Rejection]:
        batches.append(bodies(deliveries))
        return []

    consume(broker, save, lambda: sum(map(len, batches)) >= 25)
    assert sorted(chain.from_iterable(batches), key=int) == [b"%d" % n for n in range(25)]
    assert max(map(len, batches)) <= 10
    nothing_arrives_for(broker)


def test_rejected_deliveries_become_dead_letters_and_the_rest_is_done(broker: Broker) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    broker.publish([b"good", b"bad", b"good"])
    saved: list[bytes] = []

    def save(deliveries: list[Delivery]) -> list[Rejection]:
        saved.extend(bodies(deliveries))
        return [delivery.rejected("it is bad") for delivery in deliveries if delivery.body == b"bad"]

    consume(broker, save, lambda: len(saved) >= 3)
    (letter,) = broker.list_dead_letters(10)
    assert (letter.body, letter.reason) == (b"bad", "it is bad")
    assert letter.first_seen is not None
    assert before <= letter.first_seen <= datetime.now(UTC)
    nothing_arrives_for(broker)


def test_nothing_is_acknowledged_before_it_is_saved(broker: Broker) -> None:
    broker.publish([b"1", b"2"])
    attempts: list[list[bytes]] = []

    def save(deliveries: list[Delivery]) -> list[Rejection]:
        attempts.append(bodies(deliveries))
        raise SystemExit("killed in the middle")

    with pytest.raises(SystemExit):
        consume(broker, save, lambda: False)
    assert attempts
    with closing(broker.subscribe(broker.queue, 10)) as subscription:
        assert sorted(bodies(receive(subscription, 2))) == [b"1", b"2"]


def test_what_cannot_be_saved_now_is_kept_and_tried_again(broker: Broker) -> None:
    broker.publish([b"1"])
    attempts: list[list[bytes]] = []

    def save(deliveries: list[Delivery]) -> list[Rejection]:
        attempts.append(bodies(deliveries))
        if len(attempts) < 3:
            raise TryAgain("the database is away")
        return []

    consume(broker, save, lambda: len(attempts) >= 3)
    nothing_arrives_for(broker)
    assert broker.list_dead_letters(10) == []


def put_dead_letters(broker: Broker, messages: list[bytes]) -> None:
    broker.publish(messages)
    seen: list[bytes] = []

    def refuse(deliveries: list[Delivery]) -> list[Rejection]:
        seen.extend(bodies(deliveries))
        return [delivery.rejected("refused") for delivery in deliveries]

    consume(broker, refuse, lambda: len(seen) >= len(messages))


def test_listing_leaves_dead_letters_where_they_are(broker: Broker) -> None:
    put_dead_letters(broker, [b"1", b"2", b"3"])

    def listed(limit: int) -> list[bytes]:
        return [letter.body for letter in broker.list_dead_letters(limit)]

    # RabbitMQ takes a moment to put back what the last listing held.
    for _ in range(3):
        wait_for(lambda: listed(2) == [b"1", b"2"], 10, "the oldest two are listed")
    wait_for(lambda: listed(100) == [b"1", b"2", b"3"], 10, "all are listed")


def test_replay_publishes_every_dead_letter_again(broker: Broker) -> None:
    messages = [b"%d" % n for n in range(30)]
    put_dead_letters(broker, messages)
    assert broker.replay_dead_letters() == 30
    assert broker.replay_dead_letters() == 0
    assert broker.list_dead_letters(100) == []
    assert waiting(broker) == messages


def test_a_replayed_message_keeps_its_headers_and_the_time_of_its_first_publish(broker: Broker) -> None:
    with message_headers({"request": "7"}):
        put_dead_letters(broker, [b"1"])
    (letter,) = broker.list_dead_letters(1)
    assert letter.first_seen is not None
    first_seen = letter.first_seen.timestamp()
    wait_for(lambda: time.time() > first_seen + 0.05, 5, "a replay is later than the first publish")
    broker.replay_dead_letters()
    with closing(broker.subscribe(broker.queue, 10)) as subscription:
        (again,) = receive(subscription, 1)
    assert again.sent_at == pytest.approx(first_seen, abs=0.001)
    assert not again.redelivered
    headers = again.headers or {}
    assert headers["request"] == "7"
    assert letter.reason not in headers.values()


def test_purge_deletes_every_dead_letter(broker: Broker) -> None:
    put_dead_letters(broker, [b"1", b"2"])
    assert broker.purge_dead_letters() == 2
    assert broker.purge_dead_letters() == 0
    assert broker.replay_dead_letters() == 0


def test_a_closed_broker_can_be_used_again(broker: Broker) -> None:
    broker.publish([b"1"])
    broker.close()
    broker.publish([b"2"])
    assert waiting(broker) == [b"1", b"2"]


def test_dead_letters_of_another_queue_are_not_ours(broker: Broker) -> None:
    assert broker.dead_queue == broker.queue.replace(".events", ".dead")
    assert open_broker("database://", "plain").dead_queue == "plain.dead"


@pytest.mark.parametrize("url", ["", "http://example.org/", "redis://x", "amqp://host:port/", "amqp"])
def test_a_url_that_names_no_broker_is_refused(url: str) -> None:
    with pytest.raises(BrokerMisconfigured, match="BROKER_URL"):
        open_broker(url, "q")


def test_the_default_broker_is_the_settings_one() -> None:
    with override_settings(BROKER_QUEUE="other.events"):
        assert default_broker().queue == "other.events"
        assert default_broker() is default_broker()
