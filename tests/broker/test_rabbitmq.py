"""What is RabbitMQ's own: confirms, returns, topology, reconnecting."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pika
import pytest

from broker import Subscription, base, rabbitmq
from broker.connection import Connection
from broker.errors import BrokerError, BrokerMisconfigured, BrokerUnavailable
from broker.rabbitmq import RabbitMQClient
from broker.topology import DELIVERY_LIMIT
from tests import services
from tests.faults.proxy import Proxy
from tests.processes import let_pass
from tests.queues import put_dead_letters


def client(queue: str, url: str = services.RABBITMQ_URL, max_length: int = 1000) -> RabbitMQClient:
    return RabbitMQClient(url, queue, publish_timeout=5, max_length=max_length)


@pytest.fixture
def broker(rabbitmq_queue: str) -> Iterator[RabbitMQClient]:
    with closing(client(rabbitmq_queue)) as opened:
        yield opened


def depth(queue: str) -> int:
    with services.raw_channel() as channel:
        return int(channel.queue_declare(queue, passive=True).method.message_count)


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds


def test_messages_are_persistent_in_durable_quorum_queues(broker: RabbitMQClient) -> None:
    broker.publish([b"one"])
    with services.raw_channel() as channel:
        # Declaring with other arguments is refused: these are the ones the queues have.
        for name, arguments in broker._topology.items():
            assert arguments["x-queue-type"] == "quorum"
            channel.queue_declare(name, durable=True, arguments=dict(arguments))
        _, properties, body = channel.basic_get(broker.queue, auto_ack=True)
    assert (properties.delivery_mode, body) == (pika.DeliveryMode.Persistent.value, b"one")


def test_any_number_of_threads_publish_at_once(broker: RabbitMQClient) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for n in range(20):
                broker.publish([b"%d-%d" % (number, n)])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert depth(broker.queue) == 640
    assert sum(thread.name == "rabbitmq-io" for thread in threading.enumerate()) == 1, "one connection"


def test_a_deleted_queue_is_no_false_yes_and_the_next_publish_declares_it_again(broker: RabbitMQClient) -> None:
    broker.publish([b"one"])
    with services.raw_channel() as channel:
        channel.queue_delete(broker.queue)
    with pytest.raises(BrokerUnavailable, match="no such queue"):
        broker.publish([b"two"])
    broker.publish([b"three"])
    assert depth(broker.queue) == 1


def fill(broker: RabbitMQClient) -> None:
    for _ in range(100):
        broker.publish([b"x"] * 5)


def test_a_full_queue_refuses_and_takes_again_when_there_is_room(rabbitmq_queue: str) -> None:
    with closing(client(rabbitmq_queue, max_length=10)) as broker:
        with pytest.raises(BrokerUnavailable, match="full"):
            fill(broker)
        with pytest.raises(BrokerUnavailable, match="full"):
            broker.check()
        with services.raw_channel() as channel:
            channel.queue_purge(rabbitmq_queue)
        broker.publish([b"room"])
        broker.check()


def test_a_queue_with_other_properties_is_one_clear_error(rabbitmq_queue: str) -> None:
    with services.raw_channel() as channel:
        channel.queue_declare(rabbitmq_queue, durable=True)
    with closing(client(rabbitmq_queue)) as broker:
        with pytest.raises(BrokerMisconfigured, match=r"other properties.*BROKER_QUEUE"):
            broker.publish([b"x"])
        with pytest.raises(BrokerMisconfigured, match="other properties"):
            broker.subscribe(rabbitmq_queue, 10)


def test_a_wrong_password_is_one_clear_error(rabbitmq_queue: str) -> None:
    wrong = urlsplit(services.RABBITMQ_URL)._replace(netloc=f"guest:wrong@{urlsplit(services.RABBITMQ_URL).hostname}")
    with closing(client(rabbitmq_queue, wrong.geturl())) as broker, pytest.raises(BrokerMisconfigured, match="refuses"):
        broker.publish([b"x"])


def test_nobody_listening_is_an_error_at_once(rabbitmq_queue: str) -> None:
    with closing(client(rabbitmq_queue, "amqp://127.0.0.1:1/")) as broker:
        began = time.monotonic()
        for _ in range(3):
            with pytest.raises(BrokerUnavailable, match="refused"):
                broker.publish([b"x"])
        assert time.monotonic() - began < 5


def test_another_node_is_tried_when_one_is_away(rabbitmq_queue: str) -> None:
    with closing(client(rabbitmq_queue, f"amqp://127.0.0.1:1/,{services.RABBITMQ_URL}")) as broker:
        with pytest.raises(BrokerUnavailable):
            broker.publish([b"x"])
        broker.publish([b"x"])
        assert depth(rabbitmq_queue) == 1


def test_a_lost_connection_is_replaced_and_its_tags_are_not_used_again(broker: RabbitMQClient) -> None:
    broker.publish([b"1", b"2"])
    subscription = broker.subscribe(broker.queue, 10)
    held = subscription.receive(10, 5)
    with services.raw_channel() as channel:
        channel.queue_delete(broker.queue)  # cancels the consumer, which ends its session

    def ended() -> bool:
        try:
            subscription.receive(1, 0.1)
        except BrokerUnavailable:
            return True
        return False

    assert eventually(ended)
    with pytest.raises(BrokerUnavailable):
        subscription.acknowledge(held)
    subscription.close()


def test_what_rabbitmq_gives_up_is_a_dead_letter(broker: RabbitMQClient) -> None:
    """A message that kills its consumer each time reaches the delivery limit, and is kept."""
    broker.publish([b"killer"])
    with services.raw_channel() as channel:
        for _ in range(DELIVERY_LIMIT + 1):
            assert eventually(lambda: depth(broker.queue) == 1)
            method, _, _ = channel.basic_get(broker.queue)
            channel.basic_nack(method.delivery_tag, requeue=True)
    assert eventually(lambda: broker.depths().dead == 1)
    (letter,) = broker.list_dead_letters(10)
    assert letter.body == b"killer"
    assert "delivery_limit" in letter.reason


def test_a_forked_child_opens_a_connection_of_its_own(broker: RabbitMQClient) -> None:
    broker.publish([b"parent"])
    child = os.fork()
    if child == 0:
        try:
            broker.publish([b"child"])
            os._exit(0)
        except BrokerError:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    broker.publish([b"parent again"])
    assert depth(broker.queue) == 3


def test_locks_are_made_again_after_a_fork(broker: RabbitMQClient) -> None:
    """Another thread of the parent's may hold one at that moment, and is not there to release it."""
    broker.publish([b"parent"])
    with broker._lock:
        child = os.fork()
        if child == 0:
            try:
                broker.publish([b"child"])
                os._exit(0)
            except BrokerError:
                os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert depth(broker.queue) == 2


def test_an_end_while_it_waits_is_no_empty_queue(broker: RabbitMQClient) -> None:
    broker.publish([b"1"])
    subscription = broker.subscribe(broker.queue, 10)
    subscription.receive(1, 5)
    with services.raw_channel() as channel:
        channel.queue_delete(broker.queue)
    with pytest.raises(BrokerUnavailable, match="cancelled"):
        subscription.receive(1, 1)
    subscription.close()


def test_dead_letters_that_do_not_come_are_no_end_of_the_list(
    broker: RabbitMQClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rabbitmq, "MAX_PREFETCH", 3)
    monkeypatch.setattr(rabbitmq, "CONNECT_TIMEOUT", 0.5)
    broker.publish([b"%d" % number for number in range(7)])
    with closing(broker.subscribe(broker.queue, 7)) as subscription:
        held = subscription.receive(3, 5)
        subscription.dead_letter([delivery.rejected("bad") for _ in range(3) for delivery in held])
    listed = broker.iterate_dead_letters(9)
    assert [next(listed).reason for _ in range(3)] == ["bad"] * 3
    with pytest.raises(BrokerUnavailable, match="does not deliver"):
        next(listed)


def test_dead_letters_that_are_slow_to_arrive_are_no_end_of_them(
    broker: RabbitMQClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are handed out, and so in no count, but not here yet: a large message, or a busy thread."""
    put_dead_letters(broker, 3)
    received = Connection._on_message

    def slowly(self: Connection, *message: Any) -> None:
        let_pass(0.7, "the thread that receives is busy")
        received(self, *message)

    monkeypatch.setattr(Connection, "_on_message", slowly)
    monkeypatch.setattr(rabbitmq, "CONNECT_TIMEOUT", 0.5)
    monkeypatch.setattr(base, "REPLAY_TIMEOUT", 0.1)
    assert len(broker.list_dead_letters(9)) == 3
    assert broker.replay_dead_letters() == 3


def test_dead_letters_that_somebody_holds_are_no_end_of_them(broker: RabbitMQClient) -> None:
    put_dead_letters(broker, 3)
    with closing(broker.subscribe(broker.dead_queue, 2)) as other:
        other.receive(1, 5)
        for action in (lambda: broker.list_dead_letters(9), broker.replay_dead_letters, broker.purge_dead_letters):
            with pytest.raises(BrokerUnavailable, match="another command"):
                action()
    assert len(broker.list_dead_letters(9)) == 3, "a reader that has just closed is waited for"
    assert broker.purge_dead_letters() == 3


def test_a_prefetch_is_never_more_than_amqp_can_say(broker: RabbitMQClient) -> None:
    broker.publish([b"1"])
    with closing(broker.subscribe(broker.queue, 10**21)) as subscription:
        assert [delivery.body for delivery in subscription.receive(10, 5)] == [b"1"]


def test_a_url_that_is_none_does_not_show_its_password() -> None:
    with pytest.raises(BrokerMisconfigured) as failed:
        client("q.events", "amqp://guest:se/cret@localhost:5672/")
    assert "cret" not in str(failed.value)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with closing(Proxy(urlsplit(services.RABBITMQ_URL).port or 5672)) as opened:
        yield opened


def through(proxy: Proxy) -> str:
    url = urlsplit(services.RABBITMQ_URL)
    return url._replace(netloc=f"{url.username}:{url.password}@127.0.0.1:{proxy.port}").geturl()


def receive_for(subscription: Subscription, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        subscription.receive(1, 0.1)


@pytest.mark.parametrize("up", [True, False])
def test_a_connection_lost_in_the_handshake_is_no_refusal(rabbitmq_queue: str, proxy: Proxy, up: bool) -> None:
    with closing(client(rabbitmq_queue, through(proxy))) as broker:
        proxy.cut_mid_frame(up=up, new_ones_too=True)
        with pytest.raises(BrokerUnavailable):
            broker.publish([b"x"])
        proxy.heal()
        broker.publish([b"x"])


def test_a_silent_broker_is_given_up(rabbitmq_queue: str, proxy: Proxy) -> None:
    """It would take pika 8 seconds or more to see that, and 3 more to say goodbye to nobody."""
    with closing(client(rabbitmq_queue, through(proxy))) as broker:
        subscription = broker.subscribe(rabbitmq_queue, 10)
        proxy.forget()
        began = time.monotonic()
        with pytest.raises(BrokerUnavailable, match="silent"):
            receive_for(subscription, 10)
        subscription.close()
        assert time.monotonic() - began < 6


def test_a_caller_in_a_hurry_does_not_end_the_connection_of_all_others(broker: RabbitMQClient) -> None:
    broker.publish([b"1"])
    connection = broker._publisher()
    with pytest.raises(BrokerUnavailable, match="did not answer") as failed:
        connection.publish(broker.queue, [(b"2", pika.BasicProperties(delivery_mode=2))], timeout=0)
    assert failed.value.may_be_stored, "it was sent"
    broker.publish([b"3"])
    assert broker._publisher() is connection


def test_closing_while_it_waits_to_connect_again_leaves_nothing_behind(rabbitmq_queue: str) -> None:
    broker = client(rabbitmq_queue, "amqp://127.0.0.1:1/")
    for _ in range(3):
        with pytest.raises(BrokerUnavailable):
            broker.publish([b"x"])
    connection = broker._publisher()  # waits for its turn
    began = time.monotonic()
    broker.close()
    assert time.monotonic() - began < 1
    assert not connection._thread.is_alive()
