"""Who may publish, erase and change by GraphQL."""

import pytest
from django.test import Client
from pytest_django import Settings

from tests.access.conftest import Login, basic, bearer
from tests.access.graph import OWN, PUBLISH, PUBLISH_MANY, UNKNOWN, VICTIM, an_event, ask
from watchtime.models import CustomUser

pytestmark = pytest.mark.django_db(transaction=True)


class TestPublish:
    def test_for_anyone(self, client: Client, account: Login, published: list[str]) -> None:
        account("old", "publish_event")
        for headers in (bearer("events:publish"), basic("old"), bearer("viewer events:publish", OWN)):
            answer = ask(client, PUBLISH, headers, event=an_event(VICTIM))
            assert answer["data"]["publishEvent"]["id"]
        assert published == [VICTIM] * 3

    def test_for_oneself(self, client: Client, published: list[str]) -> None:
        headers = bearer("viewer events:publish:own", OWN)
        assert ask(client, PUBLISH, headers, event=an_event(OWN))["data"]["publishEvent"]["userErrors"] == []
        refused = ask(client, PUBLISH, headers, event=an_event(VICTIM))["data"]["publishEvent"]
        assert refused == {"id": None, "userErrors": [{"path": ["event", "user"], "code": "FORBIDDEN"}]}
        events = [an_event(name) for name in (OWN, VICTIM, OWN, "Anna")]
        payload = ask(client, PUBLISH_MANY, headers, events=events)["data"]["publishEvents"]
        assert payload["acceptedCount"] == 2
        assert payload["userErrors"] == [
            {"path": ["events", "1", "user"], "code": "FORBIDDEN"},
            {"path": ["events", "3", "user"], "code": "FORBIDDEN"},
        ]
        assert published == [OWN] * 3

    @pytest.mark.parametrize("scope", [None, "", "totals:read", "viewer", "events:publish:own"])
    def test_not_at_all(self, client: Client, published: list[str], scope: str | None) -> None:
        headers = {} if scope is None else bearer(scope, OWN)
        for query, variables in (
            (PUBLISH, {"event": an_event(OWN)}),
            (PUBLISH_MANY, {"events": [an_event(OWN)]}),
            (PUBLISH_MANY, {"events": []}),
        ):
            answer = ask(client, query, headers, **variables)
            assert answer["data"] is None
            code = "UNAUTHENTICATED" if scope is None else "FORBIDDEN"
            assert answer["errors"][0]["extensions"]["code"] == code
        assert published == []

    def test_fragments_aliases_and_batches_change_nothing(self, client: Client, published: list[str]) -> None:
        query = """mutation ($event: EventInput!) { ...All x: publishEvent(event: $event) { id } }
            fragment All on Mutation {
                y: publishEvent(event: $event) { id }
                ... on Mutation { publishEvent(event: $event) { id } }
            }"""
        answer = ask(client, query, bearer("viewer"), event=an_event(OWN))
        assert answer["data"] is None
        operation = {"query": PUBLISH, "variables": {"event": an_event(OWN)}}
        batch = client.post("/graphql/", [operation] * 3, content_type="application/json", headers=bearer("viewer"))
        assert all(each["data"] is None for each in batch.json())
        assert published == []


ERASE = "mutation ($name: String!) { eraseViewer(username: $name) { erasedEvents userErrors { path code } } }"


@pytest.mark.usefixtures("watched")
class TestErase:
    def test_staff(self, client: Client, account: Login, caplog: pytest.LogCaptureFixture) -> None:
        account("privacy", "delete_customuser", is_staff=True)
        with caplog.at_level("INFO", "watchtime.audit"):
            payload = ask(client, ERASE, basic("privacy"), name=VICTIM)["data"]["eraseViewer"]
        assert payload == {"erasedEvents": 2, "userErrors": []}
        assert not CustomUser.objects.filter(username=VICTIM).exists()
        assert [message for message in caplog.messages if message.startswith('eraseViewer by "account privacy"')]
        again = ask(client, ERASE, basic("privacy"), name=VICTIM)["data"]["eraseViewer"]
        assert again == {"erasedEvents": 0, "userErrors": [{"path": ["username"], "code": "NOT_FOUND"}]}

    def test_nobody_else(self, client: Client, account: Login, settings: Settings) -> None:
        account("old", "publish_event", "read_totals", "delete_customuser")  # no staff
        account("clerk", "change_movie", is_staff=True)
        for headers in (
            bearer("events:publish totals:read"),
            bearer("viewer events:publish:own", VICTIM),
            bearer("watchtime.delete_customuser eraseViewer admin"),
            basic("old"),
            basic("clerk"),
        ):
            for name in (VICTIM, UNKNOWN):
                answer = ask(client, ERASE, headers, name=name)
                assert answer["data"] is None
                assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        settings.ALLOW_ANONYMOUS = True
        assert ask(client, ERASE, name=VICTIM)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert CustomUser.objects.filter(username=VICTIM).exists()
