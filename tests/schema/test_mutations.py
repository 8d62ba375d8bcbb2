"""Publishing through GraphQL: what is stored, and what clients are told of the rest."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from pytest_django import Settings

from schema import mutations
from tests.schema.conftest import Ask
from watchtime.events import PublishFailed, WatchEvent

ONE = "mutation ($event: EventInput!) { publishEvent(event: $event) { id userErrors { path code message } } }"
MANY = """mutation ($events: [EventInput!]!) {
  publishEvents(events: $events) { acceptedCount ids userErrors { path code message } }
}"""
EVENT: dict[str, Any] = {"user": "ada", "slug": "dune", "at": 407}


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[WatchEvent]:
    """What was handed to the broker."""
    events: list[WatchEvent] = []
    monkeypatch.setattr(mutations, "publish", events.extend)
    return events


def test_an_event_reaches_the_broker(read: Ask, published: list[WatchEvent]) -> None:
    payload = read(ONE, event=EVENT)["publishEvent"]
    (event,) = published
    assert payload == {"id": str(event.id), "userErrors": []}
    assert (event.user, event.content) == ("ada", ("dune", 0, 407, True))


def test_the_clients_own_id_start_and_time_are_kept(read: Ask, published: list[WatchEvent]) -> None:
    key = uuid4()
    sent = {**EVENT, "id": str(key), "start": 400, "occurredAt": "2026-01-31T20:15:00+01:00"}
    assert read(ONE, event=sent)["publishEvent"] == {"id": str(key), "userErrors": []}
    assert published[0].start == 400
    assert published[0].occurred_at.isoformat() == "2026-01-31T19:15:00+00:00"


def test_a_stretch_without_a_position(read: Ask, published: list[WatchEvent]) -> None:
    read(ONE, event={**EVENT, "positional": False})
    assert published[0].content == ("dune", 0, 407, False)


def test_null_is_as_good_as_left_out(read: Ask, published: list[WatchEvent]) -> None:
    read(ONE, event={**EVENT, "id": None, "occurredAt": None})
    assert isinstance(published[0].id, UUID)


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        ({"at": -1}, "at", "OUT_OF_RANGE"),
        ({"at": 86_401}, "at", "OUT_OF_RANGE"),
        ({"start": 408}, "start", "START_AFTER_AT"),
        ({"start": -1}, "start", "OUT_OF_RANGE"),
        ({"start": 1, "positional": False}, "start", "INVALID"),
        ({"occurredAt": "1969-12-31T23:59:59Z"}, "occurredAt", "INVALID_TIME"),
        ({"occurredAt": "2999-12-31T23:59:59Z"}, "occurredAt", "INVALID_TIME"),
        ({"user": ""}, "user", "TOO_SHORT"),
        ({"user": "a" * 101}, "user", "TOO_LONG"),
        ({"user": "ada lovelace"}, "user", "INVALID_CHARACTERS"),
        ({"user": "ada\0"}, "user", "INVALID_CHARACTERS"),
        ({"user": "\ud800"}, "user", "INVALID_CHARACTERS"),
        ({"slug": "a/b"}, "slug", "INVALID_CHARACTERS"),
        ({"slug": ""}, "slug", "TOO_SHORT"),
        ({"slug": "a" * 51}, "slug", "TOO_LONG"),
        ({"id": "no-uuid"}, "id", "INVALID_UUID"),
        ({"occurredAt": "yesterday"}, "occurredAt", "INVALID_TIME"),
        ({"occurredAt": "2026-01-31T20:15:00"}, "occurredAt", "INVALID_TIME"),
        ({"occurredAt": "2026-13-31T20:15:00Z"}, "occurredAt", "INVALID_TIME"),
    ],
)
def test_a_broken_rule_is_a_user_error_with_its_path(
    read: Ask, published: list[WatchEvent], wrong: dict[str, Any], field: str, code: str
) -> None:
    payload = read(ONE, event=EVENT | wrong)["publishEvent"]
    assert payload["id"] is None
    (error,) = payload["userErrors"]
    assert (error["path"], error["code"]) == (["event", field], code)
    assert error["message"]
    assert published == []


@pytest.mark.parametrize("wrong", [True, "407", 407.5, "NaN", 2**63, None, [], {}])
def test_a_wrong_type_is_an_error_that_names_the_field(ask: Ask, published: list[WatchEvent], wrong: object) -> None:
    (error,) = ask(ONE, event=EVENT | {"at": wrong})["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "'$event' has invalid value at .at:" in error["message"]
    assert published == []


def test_missing_and_unknown_fields_are_errors(ask: Ask, published: list[WatchEvent]) -> None:
    missing = ask(ONE, event={"user": "ada", "slug": "dune"})["errors"]
    unknown = ask(ONE, event={**EVENT, "seen_at": 5})["errors"]
    assert [error["extensions"]["code"] for error in missing + unknown] == ["BAD_USER_INPUT"] * 2
    assert "'at'" in missing[0]["message"]
    assert "seen_at" in unknown[0]["message"]
    assert published == []


def test_the_valid_events_of_a_batch_are_stored(read: Ask, published: list[WatchEvent]) -> None:
    events = [{**EVENT, "at": at} for at in (1, 2, 3, -4, 5)] + [{**EVENT, "user": " ", "id": "x"}]
    payload = read(MANY, events=events)["publishEvents"]
    assert payload["acceptedCount"] == 4
    assert payload["ids"] == [str(event.id) for event in published]
    assert [event.at for event in published] == [1, 2, 3, 5]
    assert sorted(error["path"] for error in payload["userErrors"]) == [
        ["events", "3", "at"],
        ["events", "5", "id"],
        ["events", "5", "user"],
    ]


def test_an_empty_batch_is_fine(read: Ask, published: list[WatchEvent]) -> None:
    assert read(MANY, events=[])["publishEvents"] == {"acceptedCount": 0, "ids": [], "userErrors": []}


def test_a_batch_takes_a_thousand_events_and_no_more(read: Ask, refused: Any, published: list[WatchEvent]) -> None:
    assert read(MANY, events=[EVENT] * 1000)["publishEvents"]["acceptedCount"] == 1000
    published.clear()
    assert refused(MANY, events=[EVENT] * 1001) == "TOO_LARGE"
    assert published == []


@pytest.mark.parametrize(("document", "variables"), [(ONE, {"event": EVENT}), (MANY, {"events": [EVENT]})])
def test_a_broker_that_is_down_is_service_unavailable(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, document: str, variables: dict[str, Any]
) -> None:
    def fail(events: object) -> None:
        raise PublishFailed("amqp://secret@host is down")

    monkeypatch.setattr(mutations, "publish", fail)
    answer = ask(document, **variables)
    (error,) = answer["errors"]
    assert answer["data"] is None
    assert error["extensions"]["code"] == "SERVICE_UNAVAILABLE"
    assert "secret" not in json.dumps(answer)


def test_the_largest_batch_fits_into_the_body(settings: Settings) -> None:
    event = {
        "user": "\U00020000" * 100,
        "slug": "a" * 50,
        "at": 86_400,
        "start": 86_400,
        "id": str(uuid4()),
        "occurredAt": "2026-01-31T20:15:00.000000+01:00",
    }
    assert len(json.dumps({"query": MANY, "variables": {"events": [event] * 1000}})) < settings.GRAPHQL_MAX_BODY
