"""Whom the GraphQL endpoint refuses before it executes anything: wrong credentials, other sites, too much."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.access.conftest import Login, bearer
from tests.access.graph import OWN, PUBLISH, PUBLISH_MANY, an_event
from tests.access.tokens import wrong

pytestmark = pytest.mark.django_db(transaction=True)


class TestCredentials:
    @pytest.mark.any_database
    @pytest.mark.parametrize("way", dict(wrong()))
    def test_wrong_tokens(self, client: Client, settings: Settings, way: str) -> None:
        headers = {"Authorization": f"Bearer {dict(wrong())[way]}"}
        for settings.ALLOW_ANONYMOUS in (False, True):
            for request in (
                {"query": "{ __typename }"},
                [{"query": "{ __typename }"}],
            ):
                response = client.post("/graphql/", request, content_type="application/json", headers=headers)
                assert response.status_code == 401
                assert "Bearer" in response["WWW-Authenticate"]
                (error,) = response.json()["errors"]
                assert error["extensions"]["code"] == "UNAUTHENTICATED"

    def test_the_explorer_is_a_page_like_any_other(self, client: Client) -> None:
        page = client.get("/graphql/", headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert page["Content-Type"].startswith("text/html")

    def test_a_session_and_other_sites(self, account: Login, published: list[str]) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(account("old", "publish_event"), "django.contrib.auth.backends.ModelBackend")
        body = {"query": PUBLISH, "variables": {"event": an_event(OWN)}}

        def post(**headers: str) -> int:
            return client.post("/graphql/", body, content_type="application/json", headers=headers).status_code

        for other in ("https://evil.example", "null", "https://testserver"):
            assert post(Origin=other) == 403
        assert post() == 403, "neither a page of ours nor the token"
        client.cookies["csrftoken"] = "a" * 32
        assert post(**{"X-CSRFToken": "b" * 32}) == 403
        assert published == []
        assert post(**{"X-CSRFToken": "a" * 32}) == 200
        assert post(Origin="http://testserver") == 200
        assert published == [OWN] * 2


class TestLimits:
    QUERY = '{ userTotalWatchTime(username: "nobody") { totalWatchTime } }'

    def test_operations(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_COST = 6 * 1_000
        answers = [self.post(client, bearer("totals:read")) for _ in range(12)]
        statuses = {response.status_code for response in answers}
        assert statuses == {200, 429}
        refused = next(response for response in answers if response.status_code == 429)
        assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert 1 <= int(refused["Retry-After"]) <= 10
        assert self.post(client, bearer("totals:read", "another")).status_code == 200

    def test_many_aliases_count_as_many(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_COST = 6 * 1_000
        field = 'userTotalWatchTime(username: "nobody") { totalWatchTime }'
        many = {"query": "{ " + " ".join(f"a{number}: {field}" for number in range(25)) + " }"}
        answer = client.post("/graphql/", many, content_type="application/json", headers=bearer("totals:read"))
        assert answer.status_code == 429
        assert self.post(client, bearer("totals:read", "another")).status_code == 200

    def test_who_has_to_wait_is_refused_before_the_body_is_read(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_COST = 6 * 1_000
        while self.post(client, bearer("totals:read")).status_code == 200:
            pass
        response = client.post(
            "/graphql/", b"no JSON", content_type="application/json", headers=bearer("events:publish")
        )
        assert response.status_code == 429
        assert int(response["Retry-After"]) >= 1

    def test_anonymous_callers_count_by_address(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_COST = 6 * 1_000
        while self.post(client, {}).status_code == 200:
            pass
        body = {"query": self.QUERY}
        assert client.post("/graphql/", body, "application/json", REMOTE_ADDR="192.0.2.1").status_code == 200
        settings.ALLOW_ANONYMOUS = True
        assert {self.post(client, {}).status_code for _ in range(9)} == {200}, "nobody else is on this machine"

    def test_events(self, client: Client, settings: Settings, published: list[str]) -> None:
        settings.RATE_LIMIT_EVENTS = 6 * 10
        events = [an_event(OWN)] * 8
        headers = bearer("events:publish")
        body = {"query": PUBLISH_MANY, "variables": {"events": events}}
        codes = [
            client.post("/graphql/", body, content_type="application/json", headers=headers).status_code
            for _ in range(4)
        ]
        assert codes[0] == 200
        assert 429 in codes
        assert len(published) < 8 * 4

    def post(self, client: Client, headers: dict[str, str]) -> Any:
        return client.post("/graphql/", {"query": self.QUERY}, content_type="application/json", headers=headers)
