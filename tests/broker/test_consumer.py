"""The consumer's loop, against a queue in memory: classes of failure, and when it stops."""

import threading
from collections.abc import Callable, Sequence

import pytest

from broker import Broker, DeadLetter, Delivery, Depths, Rejection, Subscription
from broker.consumer import MAX_FAILURES_IN_A_ROW, Consumer, pauses
from broker.errors import BrokerUnavailable, ConsumerFailed, TryAgain


class MemoryBroker(Broker):
    """A queue of bodies. `script` may hold errors to raise instead of the next receive."""

    def __init__(self, bodies: Sequence[bytes], script: Sequence[Exception] = ()) -> None:
        super().__init__("memory.events")
        self.bodies = list(bodies)
        self.script = list(script)
        self.done: list[bytes] = []
        self.dead: dict[bytes, str] = {}
        self.subscriptions = 0

    def publish(self, messages: Sequence[bytes]) -> None:
        self.bodies += messages

    def depths(self) -> Depths:
        return Depths(len(self.bodies), len(self.dead))

    def check(self) -> None:
        pass

    def subscribe(self, queue: str, prefetch: int) -> Subscription:
        self.subscriptions += 1
        return MemorySubscription(self)

    def consumer_subscription(self, prefetch: int) -> Subscription:
        return self.subscribe(self.queue, prefetch)

    def list_dead_letters(self, limit: int) -> list[DeadLetter]:
        return [DeadLetter(body, reason, None) for body, reason in self.dead.items()]

    def purge_dead_letters(self) -> int:
        raise NotImplementedError

    def close(self) -> None:
        pass


class MemorySubscription(Subscription):
    def __init__(self, broker: MemoryBroker) -> None:
        self.broker = broker
        self.waiting = [Delivery(body, tag) for tag, body in enumerate(broker.bodies, 1)]
        self.backlog = len(self.waiting)

    def receive(self, limit: int, timeout: float) -> list[Delivery]:
        if self.broker.script:
            raise self.broker.script.pop(0)
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self.broker.bodies.remove(delivery.body)
            self.broker.done.append(delivery.body)

    def dead_letter(self, rejections: Sequence[Rejection]) -> None:
        self.broker.dead |= {body: reason for _, reason, body in rejections}

    def depth(self) -> int:
        return len(self.waiting)

    def close(self) -> None:
        pass


Save = Callable[[Sequence[Delivery]], Sequence[Rejection]]


def run(broker: MemoryBroker, save: Save, batch_size: int = 100) -> None:
    """Run a consumer until the queue is empty."""
    stop = threading.Event()

    def report(subscription: Subscription) -> None:
        if not broker.bodies:
            stop.set()

    Consumer(broker.consumer_subscription, save, batch_size, linger=0, stop=stop, report=report).run()


def poisoned(*poison: bytes) -> Save:
    def save(deliveries: Sequence[Delivery]) -> list[Rejection]:
        for delivery in deliveries:
            if delivery.body in poison:
                raise ZeroDivisionError(f"cannot save {delivery.body!r}\nand more")
        return []

    return save


MESSAGES = [b"%d" % n for n in range(200)]


def test_poison_messages_are_found_and_the_rest_is_saved() -> None:
    broker = MemoryBroker(MESSAGES)
    run(broker, poisoned(b"3", b"77", b"150"))
    assert set(broker.dead) == {b"3", b"77", b"150"}
    assert broker.dead[b"77"] == "ZeroDivisionError: cannot save b'77'"
    assert broker.done == MESSAGES


def test_every_tenth_message_may_be_poison() -> None:
    broker = MemoryBroker(MESSAGES)
    run(broker, poisoned(*MESSAGES[::10]))
    assert set(broker.dead) == set(MESSAGES[::10])


@pytest.mark.parametrize("batch_size", [100, 1])
def test_when_nothing_can_be_saved_the_queue_is_not_drained(batch_size: int) -> None:
    broker = MemoryBroker(MESSAGES)
    with pytest.raises(ConsumerFailed, match="ZeroDivisionError: cannot save"):
        run(broker, poisoned(*MESSAGES), batch_size)
    assert len(broker.dead) < MAX_FAILURES_IN_A_ROW
    assert len(broker.bodies) > len(MESSAGES) - MAX_FAILURES_IN_A_ROW


def test_a_lost_subscription_is_replaced() -> None:
    broker = MemoryBroker(MESSAGES[:5], script=[BrokerUnavailable("gone"), BrokerUnavailable("still")])
    run(broker, lambda _deliveries: [])
    assert broker.subscriptions == 3
    assert broker.done == MESSAGES[:5]


def test_dead_letters_that_cannot_be_stored_now_are_tried_again_and_nothing_is_given_back() -> None:
    class Forgetful(MemoryBroker):
        def subscribe(self, queue: str, prefetch: int) -> Subscription:
            self.subscriptions += 1
            return ForgetfulSubscription(self)

    class ForgetfulSubscription(MemorySubscription):
        def dead_letter(self, rejections: Sequence[Rejection]) -> None:
            if self.broker.script:
                raise self.broker.script.pop(0)
            super().dead_letter(rejections)

        def receive(self, limit: int, timeout: float) -> list[Delivery]:
            taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
            return taken

    broker = Forgetful(MESSAGES[:5], script=[BrokerUnavailable("alarm"), BrokerUnavailable("alarm")])
    run(broker, lambda deliveries: [deliveries[2].rejected("bad")])
    assert broker.subscriptions == 1
    assert broker.dead == {b"2": "bad"}
    assert broker.done == MESSAGES[:5]


def test_told_to_stop_it_saves_and_acknowledges_the_batch_in_hand() -> None:
    broker = MemoryBroker(MESSAGES)
    stop = threading.Event()

    def save(_deliveries: Sequence[Delivery]) -> list[Rejection]:
        stop.set()
        return []

    Consumer(broker.consumer_subscription, save, 50, linger=0, stop=stop, report=lambda _subscription: None).run()
    assert broker.done == MESSAGES[:50]


def test_told_to_stop_it_does_not_wait_for_a_database_that_is_away() -> None:
    broker = MemoryBroker(MESSAGES)
    stop = threading.Event()

    def save(_deliveries: Sequence[Delivery]) -> list[Rejection]:
        stop.set()
        raise TryAgain("away")

    Consumer(broker.consumer_subscription, save, 50, linger=0, stop=stop, report=lambda _subscription: None).run()
    assert broker.done == []
    assert broker.dead == {}


def test_a_batch_waits_for_more_until_its_linger_is_over() -> None:
    """The clock is injected: the batch takes what comes at 0 and 0.4 seconds, not what comes after 1."""
    now = [0.0]
    arrivals = [[b"1"], [b"2"], [], [b"late"]]
    timeouts: list[float] = []

    class Slow(MemorySubscription):
        def receive(self, limit: int, timeout: float) -> list[Delivery]:
            timeouts.append(timeout)
            now[0] += 0.4
            return [Delivery(body, 1) for body in arrivals.pop(0)]

    broker = MemoryBroker([b"1", b"2", b"late"])
    batches: list[list[bytes]] = []

    def save(deliveries: Sequence[Delivery]) -> list[Rejection]:
        batches.append([delivery.body for delivery in deliveries])
        return []

    consumer = Consumer(
        broker.consumer_subscription, save, 10, 0.7, threading.Event(), lambda _subscription: None, clock=lambda: now[0]
    )
    consumer.run_once(Slow(broker))
    assert batches == [[b"1", b"2"]]
    assert timeouts[1:] == pytest.approx([0.7, 0.3])


def test_pauses_grow_to_a_cap_and_are_jittered() -> None:
    waits = pauses()
    drawn = [next(waits) for _ in range(20)]
    assert all(0.05 <= drawn[0] <= 0.1 for _ in drawn)
    assert all(1 <= pause <= 2 for pause in drawn[6:])
    assert len(set(drawn)) == 20
