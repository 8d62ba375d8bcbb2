"""Automatic persisted queries, as Apollo's clients use them."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
from django.test import Client

from schema import persisted

QUERY = "query A { __typename }"
HASH = sha256(QUERY.encode()).hexdigest()
PERSISTED = {"persistedQuery": {"version": 1, "sha256Hash": HASH}}
ANSWER = {"data": {"__typename": "Query"}}


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    persisted.forget()
    yield
    persisted.forget()


def send(client: Client, method: str, **params: Any) -> Any:
    if method == "POST":
        return client.post("/graphql/", params, content_type="application/json")
    return client.get("/graphql/", {name: v if isinstance(v, str) else json.dumps(v) for name, v in params.items()})


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_document_is_sent_once(client: Client, method: str) -> None:
    unknown = send(client, method, extensions=PERSISTED)
    (error,) = unknown.json()["errors"]
    assert unknown.status_code == 200
    assert (error["message"], error["extensions"]["code"]) == ("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
    assert send(client, method, query=QUERY, extensions=PERSISTED).json() == ANSWER
    assert send(client, method, extensions=PERSISTED).json() == ANSWER


def test_a_browser_that_only_sends_a_hash_gets_the_answer(client: Client) -> None:
    send(client, "POST", query=QUERY, extensions=PERSISTED)
    response = client.get("/graphql/", {"extensions": json.dumps(PERSISTED)}, headers={"Accept": "text/html"})
    assert response.json() == ANSWER


def test_another_documents_hash_is_refused(client: Client) -> None:
    response = send(client, "POST", query="{ __typename }", extensions=PERSISTED)
    assert response.status_code == 400
    assert send(client, "POST", extensions=PERSISTED).json()["errors"][0]["message"] == "PersistedQueryNotFound"


@pytest.mark.parametrize("query", ["{ unknown }", "{", "{ a: __schema { types { name } } " * 5])
def test_an_invalid_document_is_not_kept(client: Client, query: str) -> None:
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": sha256(query.encode()).hexdigest()}}
    assert "errors" in send(client, "POST", query=query, extensions=extensions).json()
    response = send(client, "POST", extensions=extensions)
    assert response.json()["errors"][0]["message"] == "PersistedQueryNotFound"


@pytest.mark.parametrize(
    "persisted",
    [
        *(1, "x", [], {}, {"version": 2, "sha256Hash": HASH}, {"version": 1}, {"version": 1, "sha256Hash": 5}),
        *({"version": 1, "sha256Hash": "a b" * 21 + "x"}, {"version": 1, "sha256Hash": "a" * 9999}),
    ],
)
def test_what_is_no_persisted_query_is_a_bad_request(client: Client, persisted: object) -> None:
    for params in ({}, {"query": QUERY}):
        response = send(client, "POST", extensions={"persistedQuery": persisted}, **params)
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


def test_a_mutation_by_hash_still_needs_post(client: Client) -> None:
    query = 'mutation { publishEvent(event: {user: "", slug: "a", at: 1}) { id } }'
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": sha256(query.encode()).hexdigest()}}
    assert "data" in send(client, "POST", query=query, extensions=extensions).json()
    assert send(client, "GET", extensions=extensions).status_code == 405
