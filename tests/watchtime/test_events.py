"""The event contract: every rule, on the wire and as decoded values."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from unicodedata import is_normalized
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from broker import BrokerError, BrokerMisconfigured, BrokerUnavailable, NothingStored, default_broker
from watchtime.events import (
    MAX_MESSAGE_EVENTS,
    InvalidEvent,
    PublishFailed,
    WatchEvent,
    decode_message,
    encode_messages,
    publish,
)
from watchtime.models import MAX_MOMENT

GOOD = {
    "user": "anna",
    "slug": "blade-runner",
    "start": 10,
    "at": 407,
    "id": "0191e0b6-0000-7000-8000-000000000001",
    "occurred_at": "2026-03-01T12:00:00.5+02:00",
}


def message(**changes: object) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def without(field: str) -> bytes:
    return json.dumps({key: value for key, value in GOOD.items() if key != field}).encode()


def test_a_message_becomes_an_event() -> None:
    event = WatchEvent.decode(message())
    assert event.content == ("blade-runner", 10, 407, True)
    assert event.id == UUID(GOOD["id"])
    assert event.occurred_at == datetime(2026, 3, 1, 10, 0, 0, 500_000, tzinfo=UTC)


def test_an_old_message_has_a_start_an_id_and_a_time_of_its_own() -> None:
    before = datetime.now(UTC)
    first, second = (WatchEvent.decode(b'{"user": "anna", "slug": "m", "at": 407}') for _ in range(2))
    assert first.start == 0
    assert before <= first.occurred_at <= datetime.now(UTC)
    assert first.id.version == 7
    assert first.id < second.id, "minted ids grow with time"
    assert not first.has_own_id
    assert WatchEvent.decode(message()).has_own_id


def as_it_may_be_written(name: str) -> str:
    allowed = is_normalized("NFKC", name) and not set(name) & set("\u115f\u1160\u3164\uffa0")
    return name if allowed else "anna"


@given(
    st.builds(
        dict,
        user=st.from_regex(r"\A[\w.@+-]{1,100}\Z").map(as_it_may_be_written),
        slug=st.from_regex(r"\A[-a-zA-Z0-9_]{1,50}\Z"),
        stretch=st.tuples(st.integers(0, MAX_MOMENT), st.integers(0, MAX_MOMENT)).map(sorted),
        id=st.uuids(),
        positional=st.booleans(),
        occurred_at=st.datetimes(datetime(1970, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC)),
    )
)
def test_what_is_encoded_is_decoded(fields: dict[str, object]) -> None:
    start, at = fields.pop("stretch")  # type: ignore[misc]
    event = WatchEvent.from_fields({**fields, "start": start if fields["positional"] else 0, "at": at})
    assert WatchEvent.decode(event.encode()) == event


FIELDS = st.sampled_from(
    [
        *('"user": "anna"', '"user": "a\\u006ena"', '"\\u0075ser": "ben"', '"user": null', '"us\\"er": "x"'),
        *('"slug": "m"', '"slug": "a\\"b"', '"at": 407', '"at": 408', '"at": "407"', '"start": 0', '"start": null'),
        *('"id": null', f'"id": "{GOOD["id"]}"', '"id": "\\""', '"positional": true', '"positional": null'),
        *('"occurred_at": null', '"occurred_at": "2026-03-01T12:00:00Z"', '"x": {"at": 1, "at": 2}', '"": ""'),
    ]
)


REQUIRED = ['"user": "anna"', '"slug": "m"', '"at": 407']


@given(st.lists(FIELDS, max_size=3).flatmap(lambda more: st.permutations(REQUIRED + more)), st.sampled_from(["", "\n"]))
def test_the_fast_way_of_decoding_takes_what_a_plain_parser_takes(fields: list[str], space: str) -> None:
    """It counts quotes to find a name that is there twice; here each pair is looked at."""
    body = "{" + f",{space}".join(fields) + f"}}{space}"
    pairs = json.loads(body, object_pairs_hook=list)
    expected = None
    if len(dict(pairs)) == len(pairs):
        expected = outcome(lambda: WatchEvent.from_fields(dict(pairs)))
    assert outcome(lambda: WatchEvent.decode(body.encode())) == expected


def outcome(make: Callable[[], WatchEvent]) -> dict[str, object] | None:
    """Return the fields that were given, decoded; None for an invalid event."""
    try:
        return make().model_dump(exclude_unset=True)
    except InvalidEvent:
        return None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (without("user"), "user"),
        (without("slug"), "slug"),
        (without("at"), "at"),
        (message(extra=1), "extra"),
        (message(At=1), "At"),
        (message(at=True), "at"),
        (message(at="407"), "at"),
        (message(at=407.5), "at"),
        (message(at=407.0), "at"),
        (message(at=None), "at"),
        (message(at=[407]), "at"),
        (message(at=float("nan")), "at"),
        (message(at=float("inf")), "at"),
        (message(at=2**63), "at"),
        (message(at=-1), "at"),
        (message(at=MAX_MOMENT + 1), "at"),
        (message().replace(b"407", b"9" * 5000), "at"),
        (message().replace(b"407", b"-" + b"9" * 5000), "at"),
        (message(start=408), "start"),
        (message(start=-1), "start"),
        (message(start=True), "start"),
        (message(positional=False), "start"),
        (message(positional=0, start=0), "positional"),
        (message(positional="false", start=0), "positional"),
        (message(user=""), "user"),
        (message(user="a" * 101), "user"),
        (message(user="two words"), "user"),
        (message(user="\u0e2a\u0e21\u0e0a\u0e32\u0e22 \u0e43\u0e08\u0e14\u0e35"), "user"),
        (message(user="\u0939\u093f\u0928\u094d\u0926\u0940"), "user"),
        (message(user="Zoe\u0308"), "user"),
        (message(user="O'Brien"), "user"),
        (message(user="nul\0"), "user"),
        (message(user="line\n"), "user"),
        (message(user="\ud800"), "user"),
        (message(user="\uff41nna"), "user"),  # fullwidth
        (message(user="\ufb01ona"), "user"),  # a ligature
        (message(user="anna\u00b2"), "user"),
        (message(user="\u212b"), "user"),  # the sign of the unit Angstrom
        *((message(user=f"an{letter}na"), "user") for letter in "\u115f\u1160\u3164\uffa0\u200b\u200d\u2060\ufeff"),
        (message(user=5), "user"),
        (message(user=None), "user"),
        (message().replace(b'"anna"', b"9" * 25), "user"),
        (message(slug=""), "slug"),
        (message(slug="a" * 51), "slug"),
        (message(slug="a/b"), "slug"),
        (message(slug="caf\u00e9"), "slug"),
        (message(slug="m\n"), "slug"),
        (message(slug="m\0"), "slug"),
        (message(id="no-uuid"), "id"),
        (message(id=5), "id"),
        (message(id=""), "id"),
        (message(occurred_at="2026-03-01T12:00:00"), "occurred_at"),
        (message(occurred_at="2026-03-01"), "occurred_at"),
        (message(occurred_at="2026-03-01T12:00Z"), "occurred_at"),
        (message(occurred_at="2026-02-30T12:00:00Z"), "occurred_at"),
        (message(occurred_at="2026-W09-7T12:00:00Z"), "occurred_at"),
        (message(occurred_at="0001-01-01T00:00:00+14:00"), "occurred_at"),
        (message(occurred_at="9999-12-31T23:59:59-14:00"), "occurred_at"),
        (message(occurred_at="1700000000"), "occurred_at"),
        (message(occurred_at=1_700_000_000), "occurred_at"),
        (message(occurred_at="1969-12-31T23:59:59.999999Z"), "occurred_at"),
        (message(occurred_at="1970-01-01T00:00:00+00:01"), "occurred_at"),
        (message(occurred_at="2026-12-31T12:00:60Z"), "occurred_at"),
        (message(occurred_at="2026-12-31T23:59:60+01:00"), "occurred_at"),
        (message(occurred_at="2026-12-31T23:59:61Z"), "occurred_at"),
        (message(occurred_at="0001-01-01T00:59:60+01:00"), "occurred_at"),
        (message(occurred_at="9999-12-31T23:59:60Z"), "occurred_at"),
        (message(occurred_at="9999-12-31T23:59:59Z"), "occurred_at"),
        (b'{"at": 1, ' + message()[1:], "at"),
        (b'{"at": 407, ' + message()[1:], "at"),
        (b'{"user": null, ' + message()[1:], "user"),
        (b'{"id": null, ' + message()[1:], "id"),
        (b'{"\\u0061t": 407, ' + message()[1:], "at"),
        (b'{"extra": [{"at": 1, "at": 1}], ' + message()[1:], "at"),
        (message() + message(), "event"),
        (b"", "event"),
        (b"null", "event"),
        (b"[]", "event"),
        (b'"s"', "event"),
        (b"123", "event"),
        (b"{", "event"),
        (b"\xff\xfe", "event"),
        (message().replace(b"anna", b"\xff"), "event"),
        (b"[" * 100_000, "event"),
        (b'{"user":' * 100_000, "event"),
        (b"x" * 10_000_000, "event"),
    ],
)
def test_a_broken_message_is_refused_by_the_name_of_its_field(body: bytes, field: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        WatchEvent.decode(body)
    assert [error.field for error in refused.value.errors] == [field]
    assert refused.value.body == body
    assert str(refused.value).startswith(f"{field}: ")


@pytest.mark.parametrize(
    "changes",
    [
        {"at": 0, "start": 0},
        {"at": MAX_MOMENT, "start": MAX_MOMENT},
        {"user": "a" * 100, "slug": "b" * 50},
        {"user": "Zoë.@+-_9"},
        {"user": "ユーザー"},
        {"user": "\u0430\u043d\u043d\u0430"},  # Cyrillic: another name than the Latin one
        {"user": "김철수"},
        {"id": GOOD["id"].upper()},
        {"occurred_at": "2026-03-01t12:00:00z"},
        {"occurred_at": "2026-03-01 12:00:00.123456789-00:00"},
        {"occurred_at": "1970-01-01T00:00:00Z"},
        {"positional": True},
        {"positional": False, "start": 0},
        {"user": "\u00e9\u4f1f"},
    ],
)
def test_the_edges_are_accepted(changes: dict[str, object]) -> None:
    assert WatchEvent.decode(message(**changes)) == WatchEvent.from_fields({**GOOD, **changes})


@pytest.mark.parametrize("field", ["id", "occurred_at", "start", "positional"])
def test_null_is_as_good_as_left_out(field: str) -> None:
    fields = {**GOOD, "positional": True, "start": 0, field: None}
    for event in (WatchEvent.decode(message(**fields)), WatchEvent.from_fields(fields)):
        assert field not in event.model_fields_set
        assert event.content == ("blade-runner", 0, 407, True)
        assert event.has_own_id == (field != "id")


@pytest.mark.parametrize(
    ("leap", "instant"),
    [
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31t23:59:60.25z", "2017-01-01T00:00:00.25Z"),
        ("1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00Z"),
    ],
)
def test_a_leap_second_is_the_one_after(leap: str, instant: str) -> None:
    assert WatchEvent.decode(message(occurred_at=leap)).occurred_at == datetime.fromisoformat(instant)


def test_the_future_ends_where_the_setting_says(settings: Settings) -> None:
    settings.OCCURRED_AT_MAX_AHEAD = 3600
    WatchEvent.decode(message(occurred_at=(datetime.now(UTC) + timedelta(minutes=59)).isoformat()))
    with pytest.raises(InvalidEvent, match="occurred_at: Enter a time at most 3600 seconds in the future"):
        WatchEvent.decode(message(occurred_at=(datetime.now(UTC) + timedelta(minutes=61)).isoformat()))


def test_a_message_that_is_positional_does_not_say_so() -> None:
    """Consumers of an older release refuse a field that they do not know."""
    assert b"positional" not in WatchEvent.decode(message()).encode()
    assert WatchEvent.decode(WatchEvent.decode(message(positional=False, start=0)).encode()).positional is False


def test_every_wrong_field_is_named() -> None:
    with pytest.raises(InvalidEvent) as refused:
        WatchEvent.from_fields({"user": "", "at": "407", "speed": 2})
    assert {error.field for error in refused.value.errors} == {"user", "slug", "at", "speed"}


@pytest.mark.parametrize("body", [b"1", b"null", b'"x"', b"[1]", b"[[]]"])
def test_what_is_no_object_is_called_that(body: bytes) -> None:
    (refused,) = decode_message(body)
    assert str(refused) == "event: The event is not an object"


def test_a_field_name_of_any_kind_is_safe_to_show() -> None:
    with pytest.raises(InvalidEvent) as refused:
        WatchEvent.decode(json.dumps({**GOOD, "\0" + "x" * 1_000_000: 1}).encode())
    (error,) = refused.value.errors
    assert error.field.startswith("\\x00xxx")
    assert len(error.field) < 100


@pytest.mark.parametrize("character", ["\0", "\x1b", "\x7f", "\x9b", "\n", "\u202e", "\ud800"])
def test_no_error_repeats_a_character_that_is_not_printable(character: str) -> None:
    for name in ("user", "slug", "id", "occurred_at", "at", "start", "positional", f"x{character}"):
        with pytest.raises(InvalidEvent) as refused:
            WatchEvent.decode(message(**{name: f"0191e0b6{character}"}))
        assert str(refused.value).isprintable()


def test_decoded_values_obey_the_same_rules() -> None:
    values = {**GOOD, "id": uuid4(), "occurred_at": datetime.now(UTC) - timedelta(days=1)}
    assert WatchEvent.from_fields(values).id == values["id"]
    for wrong in ({"at": True}, {"at": 407.0}, {"occurred_at": datetime(2026, 3, 1)}, {"user": b"anna"}):
        with pytest.raises(InvalidEvent):
            WatchEvent.from_fields({**values, **wrong})


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        WatchEvent.decode(message()).at = 5  # type: ignore[misc]


@pytest.mark.django_db
def test_published_events_wait_in_the_queue() -> None:
    events = [WatchEvent.decode(message(id=str(uuid4()))) for _ in range(3)]
    publish(events)
    (delivery,) = default_broker().subscribe(default_broker().queue, 10).receive(10, 0)
    assert decode_message(delivery.body) == events


@pytest.mark.parametrize(
    ("failure", "in_doubt"),
    [(BrokerUnavailable, True), (NothingStored, False), (BrokerMisconfigured, False), (BrokerError, False)],
)
def test_a_broker_that_fails_is_a_failed_publish(
    monkeypatch: pytest.MonkeyPatch, failure: type[BrokerError], in_doubt: bool
) -> None:
    def fail(_messages: object) -> None:
        raise failure("away")

    monkeypatch.setattr(default_broker(), "publish", fail)
    with pytest.raises(PublishFailed, match="away") as failed:
        publish([WatchEvent.decode(message())])
    assert failed.value.may_be_stored == in_doubt


@pytest.mark.parametrize(("count", "messages"), [(0, 0), (1, 1), (2, 1), (100, 1), (101, 2), (1000, 10)])
def test_up_to_a_hundred_events_travel_in_one_message(count: int, messages: int) -> None:
    events = [WatchEvent.decode(message(id=str(uuid4()), at=10 + n)) for n in range(count)]
    encoded = encode_messages(events)
    assert len(encoded) == messages
    assert [event for body in encoded for event in decode_message(body)] == events


def test_one_event_alone_travels_as_old_consumers_know_it() -> None:
    event = WatchEvent.decode(message())
    assert encode_messages([event]) == [event.encode()]


INVALID_ELEMENTS = [
    b"7",
    b"null",
    b"[]",
    b"{}",
    b'"text"',
    b'{"user": "a b", "slug": "alien", "at": 1}',
    b'{"user": "anna", "slug": "alien", "at": ' + b"9" * 5000 + b"}",
    b'{"user": "anna", "slug": "alien", "at": 1, "at": 2}',
    b'{"user": "anna\\ud800", "slug": "alien", "at": 1}',
    b'{"user": "anna", "slug": "alien", "at": NaN}',
    b'{"user": "anna", "slug": "alien", "at": 1, "note": ",] \\" [{"}',
]


@pytest.mark.parametrize("element", INVALID_ELEMENTS)
@pytest.mark.parametrize("separator", [b",", b" ,\r\n\t"])
def test_an_invalid_element_is_refused_alone(element: bytes, separator: bytes) -> None:
    good = message(id=str(uuid4()))
    first, refused, last = decode_message(b" [ " + separator.join([good, element, good]) + b" ] ")
    assert first == last == WatchEvent.decode(good)
    assert isinstance(refused, InvalidEvent)
    assert refused.body == element


def test_an_element_may_say_null_for_what_it_leaves_out() -> None:
    (event,) = decode_message(b"[" + message(id=None) + b"]")
    assert isinstance(event, WatchEvent)
    assert not event.has_own_id


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"[",
        b"[,]",
        b"[" + message() + b",]",
        b"[" + message(),
        b"[" + message() + b"," + message() + b"]]",
        b"[" + message() + b"]" + message(),
        b"[" + message() + b" " + message() + b"]",
        b"[" * 100_000,
        b"[" + message() + b",\xff]",
        b"[" + b",".join([message()] * (MAX_MESSAGE_EVENTS + 1)) + b"]",
        b"\x0b[" + message() + b"]",
    ],
)
def test_what_is_no_array_of_events_is_refused_whole(body: bytes) -> None:
    (refused,) = decode_message(body)
    assert isinstance(refused, InvalidEvent)
    assert refused.body == body
