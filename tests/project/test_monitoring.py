"""Probes are answered before anything else, and each request has an id and a name without personal data."""

import json
import logging
from typing import Any

import pytest
from django.test import Client, override_settings
from prometheus_client import REGISTRY

from broker import BrokerUnavailable, default_broker

pytestmark = pytest.mark.django_db(transaction=True)


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@override_settings(SECURE_SSL_REDIRECT=True, ALLOWED_HOSTS=["example.org"])
@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_probes_need_neither_our_host_nor_https(client: Client, path: str) -> None:
    response = client.get(path, headers={"Host": "10.0.0.7:8000"})
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert client.get("/", headers={"Host": "10.0.0.7:8000"}).status_code in (301, 400)


def test_readiness_names_every_check(client: Client) -> None:
    body = client.get("/readyz").json()
    assert (body["status"], body["failed"], [*body["checks"]]) == ("ready", [], ["database", "migrations", "broker"])
    assert all(check["state"] == "ok" and check["seconds"] >= 0 for check in body["checks"].values())


@pytest.mark.parametrize(("given", "kept"), [("abc-1", True), ("a b", False), ("x" * 101, False), ("", False)])
def test_a_request_keeps_its_id(client: Client, given: str, kept: bool) -> None:
    response = client.get("/swagger.json", headers={"X-Request-ID": given})
    assert (response["X-Request-ID"] == given) is kept
    assert len(response["X-Request-ID"]) in (5, 36)


@pytest.mark.parametrize(
    ("query", "operation"),
    [
        ("query mine { movies { edges { cursor } } }", "movies"),
        ("{ movies { edges { cursor } } users { edges { cursor } } }", "several"),
        ("{ __typename }", "introspection"),
        ("{ nothing }", "none"),
        ("{", "none"),
    ],
)
def test_an_operation_is_named_by_the_schema(client: Client, query: str, operation: str) -> None:
    labels = {"endpoint": "graphql", "operation": operation}
    before = sample("watchtime_request_seconds_count", **labels)
    client.post("/graphql/", {"query": query}, content_type="application/json")
    assert sample("watchtime_request_seconds_count", **labels) == before + 1


def test_a_path_is_named_by_its_pattern(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.INFO, "watchtime.requests")
    operation = "GET /users/<username>/total-watch-time/"
    labels = {"endpoint": "rest", "operation": operation, "status": "404"}
    before = sample("watchtime_requests_total", **labels)
    client.get("/users/anna/total-watch-time/")
    client.get("/no/such/anna")
    assert sample("watchtime_requests_total", **labels) == before + 1
    assert operation in caplog.text
    assert "anna" not in caplog.text
    assert "anna" not in "".join(str(record.__dict__) for record in caplog.records if record.name != "django.request")


GOOD = {"user": "anna", "slug": "alien", "at": 7}
BAD = {**GOOD, "at": -7}
MUTATION = "mutation ($events: [EventInput!]!) { publishEvents(events: $events) { acceptedCount } }"


def publish_rest(client: Client, event: dict[str, Any]) -> None:
    client.post("/", event, content_type="application/json")


def publish_graphql(client: Client, event: dict[str, Any]) -> None:
    body = {"query": MUTATION, "variables": {"events": [event]}}
    client.post("/graphql/", body, content_type="application/json")


@pytest.mark.parametrize(("endpoint", "publish"), [("rest", publish_rest), ("graphql", publish_graphql)])
def test_events_are_counted_by_endpoint(
    client: Client, endpoint: str, publish: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counts() -> list[float]:
        return [
            sample("watchtime_events_published_total", endpoint=endpoint),
            sample("watchtime_events_refused_total", endpoint=endpoint, reason="greater_than_equal"),
            sample("watchtime_events_failed_total", endpoint=endpoint, reason="BrokerUnavailable"),
        ]

    def away(*_arguments: object) -> None:
        raise BrokerUnavailable("away")

    before = counts()
    publish(client, GOOD)
    publish(client, BAD)
    monkeypatch.setattr(type(default_broker()), "publish", away)
    publish(client, GOOD)
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [1, 1, 1]


def test_messages_carry_the_requests_id(client: Client) -> None:
    client.post("/", GOOD, content_type="application/json", headers={"X-Request-ID": "abc-1"})
    (delivery,) = default_broker().subscribe(default_broker().queue, 10).receive(10, 0)
    assert json.loads(delivery.body)["user"] == "anna"
    assert delivery.headers == {"x-request-id": "abc-1"}
