"""Persisted queries and batches, as Apollo Client and urql send them, against the real server."""

import json
from typing import Any

import pytest

from tests.clients.conftest import Node


@pytest.fixture(scope="module")
def apollo(live_service: str, node: Node) -> Any:
    return json.loads(node("apollo_persisted.mjs", f"{live_service}/graphql/"))


@pytest.fixture(scope="module")
def urql(live_service: str, node: Node) -> Any:
    return json.loads(node("urql_persisted.mjs", f"{live_service}/graphql/"))


@pytest.mark.parametrize(("name", "methods"), [("post", ["POST", "POST", "POST"]), ("get", ["GET", "POST", "GET"])])
def test_apollo_client_sends_a_document_once(apollo: Any, name: str, methods: list[str]) -> None:
    requests = apollo[name]["requests"]
    assert [request["method"] for request in requests] == methods
    assert [request["document"] for request in requests] == [False, True, False]
    assert [data["movies"]["totalCount"] >= 0 for data in apollo[name]["data"]] == [True] * 2


def test_apollo_client_sends_batches(apollo: Any) -> None:
    assert len(apollo["batch"]["requests"]) == 1
    assert [data["movies"]["totalCount"] >= 0 for data in apollo["batch"]["data"]] == [True] * 5


def test_apollo_client_publishes(apollo: Any) -> None:
    valid, invalid = apollo["publish"]
    assert valid["id"]
    assert valid["userErrors"] == []
    assert invalid["id"] is None
    assert [(error["path"], error["code"]) for error in invalid["userErrors"]] == [(["event", "user"], "TOO_SHORT")]


@pytest.mark.parametrize(
    ("name", "methods"),
    [
        ("post", ["POST"] * 5),
        ("get", ["GET", "GET", "GET", "POST", "POST"]),
    ],  # three of the queries, two of the mutation
)
def test_urql_sends_a_document_once_and_publishes(urql: Any, name: str, methods: list[str]) -> None:
    assert urql[name]["methods"] == methods
    assert [data["users"]["totalCount"] >= 0 for data in urql[name]["data"]] == [True] * 2
    assert urql[name]["published"]["id"]
    assert urql[name]["published"]["userErrors"] == []
