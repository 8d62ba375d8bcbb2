"""From the raw queue to the tables: what is counted, what is refused, and what each refused message keeps."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import pytest
from django.db import OperationalError

from broker import Broker, Delivery, Subscription, TryAgain, open_broker
from tests import services
from tests.factories import event
from watchtime import ingest as ingest_module
from watchtime.ingest import Ingest
from watchtime.models import Event, Movie

pytestmark = pytest.mark.django_db(transaction=True)

GOOD = {"user": "anna", "slug": "alien", "start": 10, "at": 40}


def raw(**changes: object) -> bytes:
    return json.dumps({**GOOD, "id": str(uuid4()), **changes}).encode()


def without(field: str) -> bytes:
    message = json.loads(raw())
    del message[field]
    return json.dumps(message).encode()


BROKEN = {
    "user": [without("user"), raw(user=""), raw(user="a" * 101), raw(user="a b"), raw(user="\0"), raw(user="\ud800")],
    "slug": [without("slug"), raw(slug=""), raw(slug="a/b")],
    "at": [
        without("at"),
        raw(at=True),
        raw(at="407"),
        raw(at=407.5),
        raw(at=float("nan")),
        raw(at=2**63),
        raw(at=-1),
        raw().replace(b"40", b"9" * 5000, 1),
    ],
    "start": [raw(start=41)],
    "id": [raw(id="no-uuid")],
    "speed": [raw(speed=2)],
    "event": [b"", b"\xff\xfe", b"null", b"[" * 100_000, b"x" * 10_000_000],
}


@pytest.fixture(params=["database", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    if request.param == "database":
        url, queue = "database://", "ingest.events"
    else:
        url, queue = services.RABBITMQ_URL, request.getfixturevalue("rabbitmq_queue")
    with closing(open_broker(url, queue)) as opened:
        yield opened


def consume(broker: Broker, deliveries: int) -> Ingest:
    """Consume until so many deliveries have come to something."""
    stop = threading.Event()
    ingest = Ingest()

    def report(_subscription: Subscription) -> None:
        if ingest.counted + ingest.repeats + ingest.refused >= deliveries:
            stop.set()

    broker.consume_and_save(ingest, batch_size=10, linger=0.02, stop=stop, report=report)
    return ingest


def test_every_broken_message_is_kept_with_the_name_of_its_field(broker: Broker) -> None:
    expected = [(body, field) for field, bodies in BROKEN.items() for body in bodies]
    mixed = [message for body, _ in expected for message in (raw(), body)]
    broker.publish(mixed)
    done = consume(broker, len(mixed))
    assert (done.counted, done.repeats, done.refused) == (len(expected), 0, len(expected))
    assert Movie.objects.get().total_watch_time == 30 * len(expected)
    letters = broker.list_dead_letters(1000)
    assert [(letter.body, letter.reason.partition(":")[0]) for letter in letters] == expected


def test_a_conflict_is_kept_with_its_reason_and_not_counted(broker: Broker) -> None:
    one = event(at=10)
    other = event(id=one.id, at=11)
    broker.publish([one.encode(), other.encode(), one.encode()])
    done = consume(broker, 3)
    assert (done.counted, done.repeats, done.refused) == (1, 1, 1)
    (letter,) = broker.list_dead_letters(10)
    assert letter.body == other.encode()
    assert letter.reason == f"id: {one.id} is taken by an event with other content"
    assert Movie.objects.get().total_watch_time == 10


def test_replayed_dead_letters_are_judged_again(broker: Broker) -> None:
    one = event(at=10)
    broker.publish([event(id=one.id, at=11).encode(), one.encode(), b"no event"])
    consume(broker, 3)
    Event.objects.all().delete()  # what was in the way is gone
    assert broker.replay_dead_letters() == 2
    done = consume(broker, 2)
    assert (done.counted, done.refused) == (1, 1)
    assert [letter.body for letter in broker.list_dead_letters(10)] == [b"no event"]


def test_old_messages_have_no_id_and_count_each(broker: Broker) -> None:
    broker.publish([b'{"user": "anna", "slug": "alien", "at": 7}'] * 3)
    assert consume(broker, 3).counted == 3
    assert Movie.objects.get().total_watch_time == 21


def test_a_redelivered_message_without_an_id_is_not_guessed_at() -> None:
    ingest = Ingest()
    delivery = Delivery(b'{"user": "anna", "slug": "alien", "at": 7}', 1, redelivered=True)
    (rejection,) = ingest([delivery])
    assert rejection.delivery == delivery
    assert rejection.reason.startswith("id: ")
    assert not Event.objects.exists()


def test_a_database_that_is_away_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_events: object) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(ingest_module, "fold", away)
    ingest = Ingest()
    with pytest.raises(TryAgain, match="server closed"):
        ingest([Delivery(event().encode(), 1)])
    assert ingest == Ingest()
