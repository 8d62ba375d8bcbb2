"""Publishing through GraphQL: what is stored, and what clients are told of the rest."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from pytest_django import Settings

from schema import mutations
from tests.schema.conftest import Ask
from watchtime import totals
from watchtime.database import OUTAGES, explain
from watchtime.events import PublishFailed, WatchEvent

ONE = "mutation ($event: EventInput!) { publishEvent(event: $event) { id userErrors { path code message } } }"
MANY = """mutation ($events: [EventInput!]!) {
  publishEvents(events: $events) { acceptedCount ids userErrors { path code message } }
}"""
EVENT: dict[str, Any] = {"user": "ada", "slug": "dune", "at": 407}


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


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"at": "x"}, ["at"]),
        ({"at": True}, ["at"]),
        ({"at": 407.5}, ["at"]),
        ({"at": None}, ["at"]),
        ({"user": 5}, ["user"]),
        ({"slug": ["dune"]}, ["slug"]),
        ({"id": 7}, ["id"]),
        ({"occurredAt": 7}, ["occurredAt"]),
        ({"positional": "no"}, ["positional"]),
        ({"seen_at": 5}, ["seen_at"]),
        ({"occurred_at": "2026-01-31T20:15:00Z"}, ["occurred_at"]),
        (5, []),
        (None, []),
        ([], []),
    ],
)
def test_a_wrong_type_refuses_one_event_of_a_batch(
    read: Ask, published: list[WatchEvent], wrong: Any, path: list[str]
) -> None:
    bad = EVENT | wrong if isinstance(wrong, dict) else wrong
    payload = read(MANY, events=[EVENT] * 2 + [bad] + [EVENT] * 2)["publishEvents"]
    assert payload["acceptedCount"] == len(published) == 4
    (error,) = payload["userErrors"]
    assert error["path"] == ["events", "2", *path]
    assert error["code"]
    assert error["message"]


def test_a_missing_field_refuses_one_event_of_a_batch(read: Ask, published: list[WatchEvent]) -> None:
    payload = read(MANY, events=[EVENT, {"slug": "dune"}])["publishEvents"]
    assert payload["acceptedCount"] == len(published) == 1
    assert sorted(error["path"] for error in payload["userErrors"]) == [["events", "1", "at"], ["events", "1", "user"]]


def test_a_batch_takes_the_values_that_a_single_event_does(read: Ask, published: list[WatchEvent]) -> None:
    nulls = dict.fromkeys(("start", "id", "occurredAt", "positional"))
    for event in (EVENT | {"at": 407.0, "start": 4e2}, EVENT | nulls):
        assert read(ONE, event=event)["publishEvent"]["userErrors"] == []
        assert read(MANY, events=[event])["publishEvents"]["userErrors"] == []
        assert read(MANY, events=event)["publishEvents"]["userErrors"] == []
    assert [(event.start, event.at) for event in published] == [(400, 407)] * 3 + [(0, 407)] * 3


def test_an_event_in_the_document_is_coerced_by_graphql(ask: Ask, published: list[WatchEvent]) -> None:
    send = 'mutation { publishEvents(events: [{user: "ada", slug: "dune", at: %s}]) { acceptedCount } }'
    assert ask(send % "407") == {"data": {"publishEvents": {"acceptedCount": 1}}}
    assert ask(send % '"x"')["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert len(published) == 1


def test_an_empty_batch_is_fine(read: Ask, published: list[WatchEvent]) -> None:
    assert read(MANY, events=[])["publishEvents"] == {"acceptedCount": 0, "ids": [], "userErrors": []}


def test_a_batch_takes_a_thousand_events_and_no_more(read: Ask, refused: Any, published: list[WatchEvent]) -> None:
    assert read(MANY, events=[EVENT] * 1000)["publishEvents"]["acceptedCount"] == 1000
    published.clear()
    assert refused(MANY, events=[EVENT] * 1001) == "TOO_LARGE"
    assert published == []


@pytest.mark.parametrize(("document", "variables"), [(ONE, {"event": EVENT}), (MANY, {"events": [EVENT]})])
def test_a_broker_that_is_down_is_service_unavailable(
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    document: str,
    variables: dict[str, Any],
) -> None:
    def fail(events: object) -> None:
        raise PublishFailed("the queue at amqp.internal\nis full")

    monkeypatch.setattr(mutations, "publish", fail)
    answer = ask(document, **variables)
    (error,) = answer["errors"]
    assert answer["data"] is None
    assert error["extensions"] == {"code": "SERVICE_UNAVAILABLE"}
    assert "internal" not in json.dumps(answer)
    (record,) = [record for record in caplog.records if record.name == "schema.errors"]
    assert (record.levelname, record.exc_info) == ("WARNING", None)
    assert record.getMessage() == "An event was not published: the queue at amqp.internal is full"


def test_whether_an_event_is_stored_can_be_unknown(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(events: object) -> None:
        raise PublishFailed("RabbitMQ did not confirm", may_be_stored=True)

    monkeypatch.setattr(mutations, "publish", fail)
    (error,) = ask(ONE, event=EVENT)["errors"]
    assert error["message"] == "It is not known whether the event was stored. Send it again, with the same id."
    (record,) = [record for record in caplog.records if record.name == "schema.errors"]
    assert record.getMessage() == "An event may not be published: RabbitMQ did not confirm"


@pytest.mark.parametrize("failure", OUTAGES)
def test_a_database_that_is_away_is_one_line(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failure: type[Exception]
) -> None:
    def fail(username: str) -> None:
        raise failure("could not connect to db.internal")

    monkeypatch.setattr(totals, "user_total", fail)
    total = 'userTotalWatchTime(username: "ada") { pk }'
    answer = ask(f"{{ {total} b: {total} c: {total} }}")
    assert [error["extensions"] for error in answer["errors"]] == [{"code": "SERVICE_UNAVAILABLE"}] * 3
    assert "internal" not in json.dumps(answer)
    (record,) = [record for record in caplog.records if record.name == "schema.errors"]
    assert (record.levelname, record.exc_info) == ("WARNING", None)
    assert (
        record.getMessage() == f"Answered SERVICE_UNAVAILABLE: {explain(failure('could not connect to db.internal'))}"
    )


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
