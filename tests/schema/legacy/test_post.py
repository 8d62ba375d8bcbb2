"""What `POST /` takes in, and what it says when the broker does not."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.test import Client

from broker import BrokerError, BrokerUnavailable, NothingStored
from broker.models import Message
from project.logs import is_fault
from tests.schema.legacy.conftest import GOOD, JSON, URLENCODED, post
from tests.settings import ON_POSTGRESQL
from watchtime.events import WatchEvent

pytestmark = pytest.mark.django_db
ID = "0192f4a0-7d3e-7c11-9d60-3a2b6f0c1d2e"
AT = datetime(2026, 11, 22, 12, 30, 0, 123456, tzinfo=UTC)


def published():
    return [WatchEvent.decode(bytes(message.body)) for message in Message.objects.order_by("id")]


class TestPost:
    def test_json(self, client):
        response = post(client, json.dumps(GOOD))
        assert (response.status_code, response.json()) == (200, "ok")
        assert response["Content-Type"] == JSON
        (event,) = published()
        assert (event.user, event.content) == ("ann", ("heat", 0, 407, True))

    @pytest.mark.parametrize("send", ["urlencoded", "multipart"])
    def test_forms(self, client, send):
        fields = {"user": "ann", "slug": "heat", "at": "407", "start": "7", "unknown": "x"}
        content_type = {} if send == "multipart" else {"content_type": URLENCODED}
        body = fields if send == "multipart" else "user=ann&slug=heat&at=407&start=7&unknown=x"
        assert client.post("/", body, **content_type).status_code == 200
        assert (published()[0].user, published()[0].content) == ("ann", ("heat", 7, 407, True))

    @pytest.mark.parametrize("value", [False, "false"])
    def test_not_positional(self, client, value):
        assert post(client, json.dumps(GOOD | {"positional": value})).status_code == 200
        assert client.post("/", GOOD | {"positional": "false"}).status_code == 200
        assert [event.positional for event in published()] == [False, False]

    def test_null_is_as_good_as_left_out(self, client):
        nothing = dict.fromkeys(("id", "occurred_at", "start", "positional"))
        assert post(client, json.dumps(GOOD | nothing)).status_code == 200
        assert published()[0].content == ("heat", 0, 407, True)

    def test_every_field(self, client):
        body = GOOD | {"start": 400, "id": ID, "occurred_at": "2026-11-22T14:30:00.123456+02:00"}
        assert post(client, json.dumps(body)).status_code == 200
        assert published() == [WatchEvent(user="ann", slug="heat", at=407, start=400, id=UUID(ID), occurred_at=AT)]

    @pytest.mark.parametrize("at", ["407", "0407"])
    def test_digits_are_taken_for_a_number(self, client, at):
        assert post(client, json.dumps(GOOD | {"at": at, "start": "0"})).status_code == 200
        assert published()[0].at == 407

    def test_unknown_fields_are_left_out(self, client):
        assert post(client, json.dumps(GOOD | {"player": {"name": "web"}, "\ud800": None})).status_code == 200
        assert len(published()) == 1

    def test_an_encoding_that_is_none(self, client):
        assert post(client, json.dumps(GOOD), headers={"Content-Encoding": "identity"}).status_code == 200

    def test_json_with_a_charset(self, client):
        assert post(client, json.dumps(GOOD), "application/json; charset=utf-8").status_code == 200

    def test_no_csrf_token_asked_for(self):
        client = Client(enforce_csrf_checks=True)
        assert post(client, json.dumps(GOOD)).status_code == 200
        assert client.post("/", GOOD).status_code == 200

    def test_query_count(self, client, django_assert_num_queries):
        post(client, json.dumps(GOOD))  # opens the broker
        # One INSERT, in its savepoint, and a look at the length of the queue; PostgreSQL has a limit of time set.
        with django_assert_num_queries(5 if ON_POSTGRESQL else 4):
            post(client, json.dumps(GOOD))


class TestBrokerDown:
    @pytest.mark.parametrize("error", [BrokerError("no"), BrokerUnavailable("gone")])
    def test_503_gives_the_id_to_repeat(self, client, monkeypatch, error):
        def fail(self, messages):
            raise error

        monkeypatch.setattr("broker.database.DatabaseBroker.publish", fail)
        response = post(client, json.dumps(GOOD | {"id": ID}))
        assert response.status_code == 503
        assert response.json()["id"] == ID
        assert "again" in response.json()["detail"]
        assert response["Retry-After"] == "1"

    def test_minted_id_is_told(self, client, monkeypatch):
        monkeypatch.setattr("broker.database.DatabaseBroker.publish", lambda *_: (_ for _ in ()).throw(BrokerError()))
        assert UUID(post(client, json.dumps(GOOD)).json()["id"]).version == 7

    @pytest.mark.parametrize(
        ("error", "told", "logged"),
        [
            (NothingStored("no\nanswer"), "The event was not stored. Send", f"Event {ID} was not published: no answer"),
            (
                BrokerUnavailable("gone"),
                "It is not known whether the event was stored. Send",
                f"Event {ID} may not be published: gone",
            ),
        ],
    )
    def test_it_is_one_line_of_the_log(self, client, monkeypatch, caplog, error, told, logged):
        def fail(self, messages):
            raise error

        monkeypatch.setattr("broker.database.DatabaseBroker.publish", fail)
        response = post(client, json.dumps(GOOD | {"id": ID}))
        assert response.json()["detail"].startswith(told)
        (record,) = [record for record in caplog.records if is_fault(record)]
        assert (record.name, record.levelname, record.getMessage()) == ("schema.legacy", "WARNING", logged)
