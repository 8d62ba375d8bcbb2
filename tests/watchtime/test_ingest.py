"""From the raw queue to the tables: what is counted, what is refused, and what each refused message keeps."""

import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from uuid import uuid4

import pytest
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
)

from broker import Broker, Delivery, Subscription, TryAgain, open_broker
from broker.delivery import MAX_REASON
from tests import services
from tests.factories import event
from watchtime import ingest as ingest_module
from watchtime.events import WatchEvent
from watchtime.fold import Folded
from watchtime.ingest import IngestHandler
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


def consume(broker: Broker, deliveries: int) -> IngestHandler:
    """Consume until so many deliveries have come to something."""
    stop = threading.Event()
    ingest = IngestHandler()

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
    ingest = IngestHandler()
    delivery = Delivery(b'{"user": "anna", "slug": "alien", "at": 7}', 1, redelivered=True)
    (rejection,) = ingest([delivery])
    assert rejection.delivery == delivery
    assert rejection.reason.startswith("id: ")
    assert not Event.objects.exists()


def test_events_of_one_message_are_judged_each_alone(broker: Broker) -> None:
    one = event(at=10)
    conflict = event(id=one.id, at=11)
    invalid = without("user")
    good = [event(at=n) for n in range(1, 4)]
    elements = [good[0].encode(), invalid, one.encode(), conflict.encode(), good[1].encode(), one.encode()]
    broker.publish([b"[" + b",".join(elements) + b"]", good[2].encode()])
    done = consume(broker, 7)
    assert (done.counted, done.repeats, done.refused) == (4, 1, 2)
    assert Movie.objects.get().total_watch_time == 10 + 1 + 2 + 3
    letters = {letter.body: letter.reason for letter in broker.list_dead_letters(10)}
    assert letters == {
        invalid: "user: Field required",
        conflict.encode(): f"id: {one.id} is taken by an event with other content",
    }


def test_a_replayed_element_counts_alone(broker: Broker) -> None:
    one = event(at=10)
    broker.publish([b"[" + b",".join([event(id=one.id, at=11).encode(), one.encode()]) + b"]"])
    consume(broker, 2)
    Event.objects.all().delete()
    assert broker.replay_dead_letters() == 1
    assert consume(broker, 1).counted == 1


def test_only_the_event_without_an_id_of_a_redelivered_message_is_doubtful() -> None:
    without_id = b'{"user":"anna","slug":"alien","at":7}'
    body = b"[" + event(at=5).encode() + b"," + without_id + b"]"
    handler = IngestHandler()
    (rejection,) = handler([Delivery(body, 1, redelivered=True)])
    assert rejection.body == without_id
    assert handler.counted == 1


def test_ids_are_minted_once_a_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer to COMMIT is lost: the batch is folded again, and counts once."""
    fold = ingest_module.fold

    def forgetful(events: Sequence[WatchEvent]) -> Folded:
        fold(events)
        raise OperationalError("server closed the connection")

    deliveries = [Delivery(b'{"user": "anna", "slug": "alien", "at": 7}', tag) for tag in range(100)]
    handler = IngestHandler()
    with monkeypatch.context() as patch:
        patch.setattr(ingest_module, "fold", forgetful)
        with pytest.raises(TryAgain):
            handler(deliveries)
    assert handler(deliveries) == []
    assert Event.objects.count() == 100


NOT_THE_EVENTS_FAULT = [
    OperationalError("server closed the connection"),
    OperationalError("no such table: watchtime_event"),
    OperationalError("canceling statement due to statement timeout"),
    OperationalError("FATAL: sorry, too many clients already"),
    OperationalError("could not extend file: No space left on device"),
    ProgrammingError('column "positional" does not exist'),
    ProgrammingError("permission denied for table watchtime_event"),
    InternalError("cannot execute INSERT in a read-only transaction"),
    DatabaseError("database disk image is malformed"),
    InterfaceError("connection already closed"),
]


@pytest.mark.parametrize("error", NOT_THE_EVENTS_FAULT, ids=str)
def test_a_database_that_takes_no_event_is_tried_again(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def away(_events: object) -> None:
        raise error

    monkeypatch.setattr(ingest_module, "fold", away)
    ingest = IngestHandler()
    with pytest.raises(TryAgain, match=re.escape(str(error))):
        ingest([Delivery(event().encode(), 1)])
    assert ingest == IngestHandler()


@pytest.mark.parametrize("error", [DataError("bad value"), IntegrityError("CHECK"), ZeroDivisionError("a bug")])
def test_an_event_that_cannot_be_folded_is_found_among_those_of_its_message(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    fold = ingest_module.fold
    poison = event(at=13)

    def picky(events: Sequence[WatchEvent]) -> Folded:
        if poison in events:
            raise error
        return fold(events)

    monkeypatch.setattr(ingest_module, "fold", picky)
    body = b"[" + b",".join(one.encode() for one in (event(at=1), poison, event(at=2))) + b"]"
    ingest = IngestHandler()
    (rejection,) = ingest([Delivery(body, 1)])
    assert (rejection.body, rejection.reason) == (poison.encode(), f"{type(error).__name__}: {error}")
    assert ingest.counted == 2
    with pytest.raises(type(error)):
        ingest([Delivery(poison.encode(), 1)])


def test_a_reason_can_be_stored_whatever_was_sent(broker: Broker) -> None:
    body = raw(id="\0\ud800\x1b[31m" + "x" * 1000)
    broker.publish([body, raw(**{"\0" * 5: 1})])
    assert consume(broker, 2).refused == 2
    for letter in broker.list_dead_letters(10):
        assert letter.reason.isprintable()
        assert len(letter.reason) <= MAX_REASON
