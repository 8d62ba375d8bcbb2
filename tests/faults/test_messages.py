"""What comes through the queue is repeated, out of order, in conflict with itself, or no event at all."""

import json
import random

import pika

from tests.broker.test_foreign_messages import FOREIGN
from tests.faults.clients import Published
from tests.faults.conftest import rounds
from tests.faults.judge import read_logs
from tests.faults.stage import Stage
from tests.processes import wait_for

UNREADABLE = [FOREIGN[name] for name in ("timestamp in milliseconds", "timestamp of all bits", "nested tables")]
PERSISTENT = pika.BasicProperties(delivery_mode=2)
POISON = (
    b"",
    b"\x00\xff\xfe",
    b"[" * 50_000,
    b'{"user": "anna"}',
    b'{"user": "anna", "slug": "alien", "at": true}',
    b'{"user": "anna", "slug": "alien", "at": NaN}',
    b'{"user": "a\\u0000b", "slug": "alien", "at": 1}',
    b'{"user": "anna", "slug": "alien", "at": ' + b"9" * 5000 + b"}",
    b'{"user": "anna", "slug": "alien", "at": 5, "start": 6}',
    "{'user': 'anna'}".encode("utf-16"),
)


def publish(stage: Stage, bodies: list[bytes]) -> None:
    """Publish straight into the queue, as a producer of somebody else's would."""
    with stage.channel() as channel:
        channel.confirm_delivery()
        for body in bodies:
            channel.basic_publish("", stage.queue, body, PERSISTENT, mandatory=True)


def test_repeats_and_reordering(stage: Stage) -> None:
    for _ in rounds(5):
        with stage.assert_survives("repeats and reordering"):
            bodies = [event.body() for event in read_logs(stage.directory)[-200:]]
            again = bodies * 3
            random.shuffle(again)
            publish(stage, again)


def test_id_conflicts(stage: Stage) -> None:
    """An id that was counted comes with other content: a dead letter, and no total moves."""
    for _ in rounds(2):
        with stage.assert_survives("id conflicts"):
            stage.pause_clients()  # so that the original is counted, and not only acknowledged
            events = read_logs(stage.directory)[-30:]
            publish(stage, [body for event in events for body in (conflict(event), event.body())])
            stage.expected_dead_letters += len(events)
            stage.resume_clients()


def conflict(event: Published) -> bytes:
    other = random.choice(
        [
            event._replace(slug="other"),
            event._replace(start=(event.start and event.start - 1) or event.start + 1),
            event._replace(at=event.at + 1),
        ]
    )
    return other.body()


def test_every_tenth_message_is_poison(stage: Stage) -> None:
    for _ in rounds(4):
        with stage.assert_survives("10 % poison"):
            good = [event.body() for event in read_logs(stage.directory)[-90:]]
            bodies = good + list(POISON)
            random.shuffle(bodies)
            publish(stage, bodies)
            stage.expected_dead_letters += len(POISON)


def test_poison_while_the_consumer_is_killed(stage: Stage) -> None:
    """A dead letter may be stored twice then, but never gets lost, and good events are counted once."""
    for _ in rounds(2):
        with stage.assert_survives("poison and a killed consumer"):
            publish(stage, [*POISON, json.dumps({"user": "anna"}).encode()])
            stage.consumer.kill()
            stage.consumer.start()
        stage.expected_dead_letters += len(POISON) + 1
        wait_for(lambda: stage.dead_letters() >= stage.expected_dead_letters, 5, "all poison is kept")
        stage.drain()  # what is stored twice is stored by now
        stage.consumer.start()
        stage.expected_dead_letters = stage.dead_letters()


def test_some_events_of_a_message_are_wrong(stage: Stage) -> None:
    """Conflicts and invalid elements become dead letters each alone; the others of their message count."""
    for _ in rounds(2):
        with stage.assert_survives("wrong events in a message"):
            stage.pause_clients()
            events = read_logs(stage.directory)[-30:]
            elements = [body for event in events for body in (conflict(event), event.body(), b'{"user": "anna"}')]
            publish(stage, [b"[" + b",".join(elements) + b"]"])
            stage.expected_dead_letters += 2 * len(events)
            stage.resume_clients()


def test_headers_that_cannot_be_decoded(stage: Stage) -> None:
    """A timestamp in milliseconds ends the connection of pika alone, again and again."""
    for _ in rounds(2):
        with stage.assert_survives("headers that cannot be decoded"), stage.channel() as channel:
            channel.confirm_delivery()
            for event in read_logs(stage.directory)[-20:]:
                channel.basic_publish("", stage.queue, event.body(), random.choice(UNREADABLE), mandatory=True)
