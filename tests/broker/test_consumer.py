"""The consumer's loop, against a queue in memory: classes of failure, and when it stops."""

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from broker import Broker, DeadLetter, Delivery, Depths, Rejection, Subscription
from broker.consumer import MAX_FAILURES_IN_A_ROW, Consumer, pauses
from broker.delivery import MESSAGE_BYTES
from broker.errors import BrokerError, BrokerMisconfigured, BrokerUnavailable, TryAgain


class MemoryBroker(Broker):
    """A queue of bodies. `script` may hold errors to raise instead of the next receive."""

    def __init__(self, bodies: Sequence[bytes], script: Sequence[Exception] = ()) -> None:
        super().__init__("memory.events")
        self.bodies = list(bodies)
        self.script = list(script)
        self.done: list[bytes] = []
        self.dead: dict[bytes, str] = {}
        self.subscriptions = 0
        self.kept = 0
        self.given_back: list[bytes] = []

    def publish(self, messages: Sequence[bytes]) -> None:
        self.bodies += messages

    def publish_again(self, deliveries: Sequence[Delivery]) -> None:
        self.publish([delivery.body for delivery in deliveries])

    def depths(self) -> Depths:
        return Depths(len(self.bodies), len(self.dead))

    def check(self) -> None:
        pass

    def subscribe(self, queue: str, prefetch: int) -> Subscription:
        self.subscriptions += 1
        return MemorySubscription(self)

    def consumer_subscription(self, prefetch: int) -> Subscription:
        return self.subscribe(self.queue, prefetch)

    def iterate_dead_letters(self, limit: int) -> Iterator[DeadLetter]:
        return iter([DeadLetter(body, reason, None) for body, reason in self.dead.items()])

    def after_fork(self) -> None:
        pass

    def purge_dead_letters(self) -> int:
        raise NotImplementedError

    def close(self) -> None:
        pass


class MemorySubscription(Subscription):
    def __init__(self, broker: MemoryBroker) -> None:
        self.broker = broker
        self.waiting = [Delivery(body, tag) for tag, body in enumerate(broker.bodies, 1)]
        self.backlog = len(self.waiting)
        self.prefetch = 1

    def receive(self, limit: int, timeout: float) -> list[Delivery]:
        if self.broker.script:
            raise self.broker.script.pop(0)
        taken: list[Delivery] = []
        while self.waiting and len(taken) < limit and sum(len(d.body) for d in taken) < limit * MESSAGE_BYTES:
            taken.append(self.waiting.pop(0))
        return taken

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self.broker.bodies.remove(delivery.body)
            self.broker.done.append(delivery.body)

    def dead_letter(self, rejections: Sequence[Rejection]) -> None:
        self.broker.dead |= {body: reason for _, reason, body in rejections}

    def widen(self, prefetch: int) -> None:
        self.prefetch = prefetch

    def keep(self, deliveries: Sequence[Delivery]) -> None:
        self.broker.kept += len(deliveries)

    def cancel(self) -> list[Delivery]:
        return self.waiting[:10]

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        self.broker.given_back += [delivery.body for delivery in deliveries]

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

    consume(broker, save, stop, report, batch_size=batch_size)


def consume(
    broker: MemoryBroker,
    save: Save,
    stop: threading.Event,
    report: Callable[[Subscription], object] = lambda _subscription: None,
    batch_size: int = 100,
    repeatable: Callable[[Delivery], bool] = lambda _delivery: True,
) -> None:
    """Run a consumer until it is told to stop."""
    Consumer(broker.consumer_subscription, save, batch_size, 0, stop, report, repeatable=repeatable).run()


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


class StopAfter(threading.Event):
    """Is set when a consumer has waited so often."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self.left = waits

    def wait(self, timeout: float | None = None) -> bool:
        self.left -= 1
        if self.left <= 0:
            self.set()
        return self.is_set()


@pytest.mark.parametrize("batch_size", [100, 1])
def test_when_nothing_can_be_saved_the_batch_is_held(batch_size: int, caplog: pytest.LogCaptureFixture) -> None:
    broker = MemoryBroker(MESSAGES)
    consume(broker, poisoned(*MESSAGES), stop=StopAfter(5), batch_size=batch_size)
    assert len(broker.dead) < MAX_FAILURES_IN_A_ROW
    assert len(broker.bodies) > len(MESSAGES) - MAX_FAILURES_IN_A_ROW
    assert broker.kept > 0
    assert broker.subscriptions == 1
    assert "10 messages in a row failed, the last with ZeroDivisionError: cannot save" in caplog.text
    assert "Traceback" in caplog.text


def test_when_messages_can_be_saved_again_the_held_batch_is_done() -> None:
    """A bug that was there for a while has cost the messages before it was seen to be one, and no more."""
    broker = MemoryBroker(MESSAGES)
    attempts = 0

    def save(deliveries: Sequence[Delivery]) -> list[Rejection]:
        nonlocal attempts
        attempts += 1
        if attempts < 100:
            raise ZeroDivisionError
        return []

    stop = StopAfter(100)
    consume(broker, save, stop, lambda _subscription: broker.bodies or stop.set())
    assert len(broker.dead) < MAX_FAILURES_IN_A_ROW
    assert broker.done == MESSAGES


def test_batches_grow_from_one_message() -> None:
    broker = MemoryBroker(MESSAGES)
    sizes: list[int] = []

    def save(deliveries: Sequence[Delivery]) -> list[Rejection]:
        sizes.append(len(deliveries))
        return []

    run(broker, save, batch_size=150)
    assert sizes == [1, 10, 100, 89]


def test_batches_of_long_messages_grow_too() -> None:
    """They are full before they have as many messages; one that stayed small would hold up a busy queue."""
    broker = MemoryBroker([message + b" " * 3 * MESSAGE_BYTES for message in MESSAGES])
    sizes: list[int] = []

    def save(deliveries: Sequence[Delivery]) -> list[Rejection]:
        sizes.append(len(deliveries))
        return []

    run(broker, save, batch_size=100)
    assert sizes[:4] == [1, 4, 34, 34]


def test_what_nobody_looked_at_is_given_back_where_a_redelivery_is_no_use() -> None:
    broker = MemoryBroker(MESSAGES)
    stop = threading.Event()

    def save(deliveries: Sequence[Delivery]) -> list[Rejection]:
        if len(deliveries) > 1:
            stop.set()
        return []

    consume(broker, save, stop=stop, repeatable=lambda delivery: delivery.body != b"13")
    assert broker.done == MESSAGES[:11]
    assert broker.given_back == MESSAGES[11:21]


def test_what_waiting_does_not_help_ends_it() -> None:
    broker = MemoryBroker(MESSAGES, script=[BrokerMisconfigured("wrong password")])
    with pytest.raises(BrokerMisconfigured):
        run(broker, lambda _deliveries: [])


def test_a_lost_subscription_is_replaced() -> None:
    broker = MemoryBroker(MESSAGES[:5], script=[BrokerUnavailable("gone"), BrokerError("still")])
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
    run(broker, lambda deliveries: [delivery.rejected("bad") for delivery in deliveries if delivery.body == b"2"])
    assert broker.subscriptions == 1
    assert broker.dead == {b"2": "bad"}
    assert broker.done == MESSAGES[:5]


def test_told_to_stop_it_saves_and_acknowledges_the_batch_in_hand() -> None:
    broker = MemoryBroker(MESSAGES)
    stop = threading.Event()

    def save(deliveries: Sequence[Delivery]) -> list[Rejection]:
        if len(deliveries) > 1:
            stop.set()
        return []

    consume(broker, save, stop)
    assert broker.done == MESSAGES[:11]


def test_told_to_stop_it_does_not_wait_for_a_database_that_is_away() -> None:
    broker = MemoryBroker(MESSAGES)
    stop = threading.Event()

    def save(_deliveries: Sequence[Delivery]) -> list[Rejection]:
        stop.set()
        raise TryAgain("away")

    consume(broker, save, stop)
    assert broker.done == []
    assert broker.dead == {}


def test_a_batch_waits_for_more_until_the_linger_after_the_one_before_is_over() -> None:
    """The clock is injected: a receive takes 0.4 seconds, the linger is 0.7."""
    now = [0.0]
    arrivals = [[], [b"first"], [b"1"], [b"2"], [b"late"]]
    timeouts: list[float] = []

    class Slow(MemorySubscription):
        def receive(self, limit: int, timeout: float) -> list[Delivery]:
            timeouts.append(timeout)
            now[0] += 0.4
            return [Delivery(body, 1) for body in arrivals.pop(0)]

    broker = MemoryBroker([b"first", b"1", b"2", b"late"])
    batches: list[list[bytes]] = []

    def save(deliveries: Sequence[Delivery]) -> list[Rejection]:
        batches.append([delivery.body for delivery in deliveries])
        return []

    consumer = Consumer(
        broker.consumer_subscription,
        save,
        10,
        0.7,
        threading.Event(),
        lambda _subscription: None,
        clock=lambda: now[0],
        width=10,
    )
    subscription = Slow(broker)
    for _ in range(3):
        consumer.run_once(subscription)
    assert batches == [[b"first"], [b"1", b"2"]], "what comes to an idle consumer is saved at once"
    assert timeouts[3:] == pytest.approx([0.3])


def test_pauses_grow_to_a_cap_and_are_jittered() -> None:
    waits = pauses()
    drawn = [next(waits) for _ in range(20)]
    assert all(0.05 <= drawn[0] <= 0.1 for _ in drawn)
    assert all(1 <= pause <= 2 for pause in drawn[6:])
    assert len(set(drawn)) == 20
