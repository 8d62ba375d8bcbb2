"""Hostile documents get the same answer over HTTP and by `schema.execute_sync`, whatever serves the graph."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from django.test import Client

from schema import persisted
from schema.schema import schema
from tests.schema.conftest import Ask, make_grid

BAD = {"user": "a b", "slug": 7, "at": "x", "start": [], "id": {}, "occurredAt": None, "seen_at": 1}
MANY = "mutation ($e: [EventInput!]!) { publishEvents(events: $e) { acceptedCount userErrors { path code message } } }"


def repeated(number: int, field: str, between: str = " ") -> str:
    return between.join([field] * number)


def aliased(number: int, field: str) -> str:
    return " ".join(f"a{index}: {field}" for index in range(number))


NESTED = "users(first: 100) { edges { node { watchTimes(first: 100) { edges { node { id } } } } } }"
DOCUMENTS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "nothing": ("", {}),
    "no GraphQL": ("{", {}),
    "brackets": ("{a" * 900, {}),
    "tokens": ("{ %s }" % repeated(1_000, "__typename"), {}),
    "lines": ("\n" * 1_001 + "{ __typename }", {}),
    "characters": ('{ users(after: "%s") { totalCount } }' % ("\U0001f600" * 50_000), {}),
    "definitions": (" ".join(f"query Q{index} {{ __typename }}" for index in range(101)), {}),
    "which operation": ("query A { __typename } query B { __typename }", {}),
    "no operation": ("fragment A on Query { __typename }", {}),
    "aliases": ("{ %s }" % aliased(31, "__typename"), {}),
    "directives": ("{ __typename %s }" % repeated(31, "@skip(if: true)"), {}),
    "duplicates": ("{ %s }" % repeated(42, "__typename"), {}),
    "rows": (f"{{ {NESTED} }}", {}),
    "deep repeats": ("{ %s }" % repeated(40, "users { edges { node { watchTimes { edges { node { id } } } } } }"), {}),
    "fragments that multiply": (
        "{ ...F0 } "
        + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(50))
        + " fragment F50 on Query { __typename }",
        {},
    ),
    "fragments in a circle": ("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", {}),
    "introspection with aliases": ("{ __schema { types { a: fields { name } b: fields { name } } } }", {}),
    "introspection in circles": ("{ __schema { types { %s name %s } } }" % ("fields { type { " * 3, "} }" * 3), {}),
    "fields that there are not": ("{ %s }" % " ".join(f"user{index}" for index in range(900)), {}),
    "a page too large": ("query ($n: Int) { users(first: $n) { totalCount } }", {"n": 101}),
    "a page that is none": ("query ($n: Int) { users(first: $n) { totalCount } }", {"n": "x" * 10_000}),
    "infinite": ("query ($n: Int) { users(first: $n) { totalCount } }", {"n": float("inf")}),
    "a variable that is missing": ("query ($n: Int!) { users(first: $n) { totalCount } }", {}),
    "an endless text": ("query ($u: String!) { userTotalWatchTime(username: $u) { pk } }", {"u": "x" * 100_001}),
    "no cursor": ('{ users(after: "x") { edges { cursor } pageInfo { endCursor } } }', {}),
    "no id": ('{ node(id: "%s") { id } }' % ("A" * 9_999), {}),
    "surrogates": ("query ($u: String!) { userTotalWatchTime(username: $u) { pk } }", {"u": "\ud800\0"}),
    "events of wrong types": (MANY, {"e": [BAD, 5, None, [], {}]}),
    "too many events": (MANY, {"e": [BAD] * 1_001}),
    "no list of events": (MANY, {"e": "x"}),
    "null for events": (MANY, {"e": None}),
    "a mutation in pieces": (
        "mutation ($e: EventInput!) { %s }" % aliased(4, "publishEvents(events: [$e]) { userErrors { path } }"),
        {"e": {"user": "", "slug": "", "at": -1}},
    ),
}


@pytest.fixture(autouse=True)
def some_rows(db: None) -> None:
    make_grid(2, 2)
    persisted.forget()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_both_ways_give_the_same_answer(ask: Ask, name: str) -> None:
    query, variables = DOCUMENTS[name]
    answer = ask(query, **variables)
    result = schema.execute_sync(query, variable_values=dict(variables))
    errors = [error.formatted for error in result.errors or ()]
    assert answer.get("errors", []) == json.loads(json.dumps(errors))
    assert answer.get("data") == result.data
    for error in answer.get("errors", []):
        assert error["extensions"]["code"] not in ("INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "TIMEOUT")
        assert error["message"]


def test_persisted_queries_are_no_matter_of_http() -> None:
    unknown = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
    (error,) = schema.execute_sync(None, operation_extensions=unknown).errors or ()
    assert error.message == "PersistedQueryNotFound"


@pytest.mark.parametrize("bad", [{"query": "{"}, {"query": 1}, {"variables": {}}, {"query": "{ a }", "variables": 7}])
def test_one_bad_operation_leaves_the_rest_of_a_batch_alone(client: Client, bad: dict[str, Any]) -> None:
    good = {"query": "{ __typename }"}
    answers = client.post("/graphql/", [good, bad, good], content_type="application/json").json()
    assert [answers[0], answers[2]] == [{"data": {"__typename": "Query"}}] * 2
    assert answers[1]["errors"][0]["extensions"]["code"] in ("GRAPHQL_PARSE_FAILED", "BAD_REQUEST")
