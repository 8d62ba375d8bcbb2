"""What graphql-cop (https://github.com/dolevf/graphql-cop) tries, and must not succeed with."""

import json
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from schema.documents import read_document
from tests.schema.conftest import Ask
from watchtime.models import CustomUser


def post(client: Client, body: Any, **headers: str) -> Any:
    return client.post("/graphql/", body, content_type="application/json", headers=headers)


def test_alias_overloading(ask: Ask) -> None:
    query = "query cop { " + " ".join(f"alias{number}: __typename" for number in range(101)) + " }"
    assert "data" not in ask(query)


def test_array_based_batching(client: Client, settings: Settings) -> None:
    response = post(client, [{"query": "query cop { __typename }"}] * 10)
    assert response.status_code == 400
    assert list(response.json()) == ["errors"]


def test_a_small_batch_is_answered_in_order(client: Client, ada: CustomUser) -> None:
    batch = [
        {"query": "{ __typename }"},
        {"query": "{ unknown }"},
        {"query": "query ($u: String!) { userTotalWatchTime(username: $u) { username } }", "variables": {"u": "ada"}},
        {"variables": {}},
    ]
    response = post(client, batch)
    answers = response.json()
    assert response.status_code == 200
    assert answers[0] == {"data": {"__typename": "Query"}}
    assert answers[1]["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert answers[2] == {"data": {"userTotalWatchTime": {"username": "ada"}}}
    assert answers[3]["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


def test_a_batch_may_cost_what_one_operation_may(client: Client, db: None) -> None:
    query = {"query": "{ users(first: 100) { edges { node { watchTimes(first: 12) { edges { node { id } } } } } } }"}
    answers = post(client, [query] * 5).json()
    codes = [answer["errors"][0]["extensions"]["code"] if "errors" in answer else "ok" for answer in answers]
    assert codes == ["ok", "TOO_LARGE", "TOO_LARGE", "TOO_LARGE", "TOO_LARGE"]  # 1,300 rows of 2,500


def test_directive_overloading(ask: Ask) -> None:
    errors = ask("query cop { __typename " + "@aa" * 10 + " }")["errors"]
    assert len(errors) < 10


def test_field_duplication(ask: Ask) -> None:
    assert "data" not in ask("query cop { " + "__typename \n" * 500 + "}")


def test_circular_introspection(ask: Ask) -> None:
    circle = "fields { type { " * 4 + "name" + " } }" * 4
    assert "data" not in ask(f"query cop {{ __schema {{ types {{ {circle} }} }} }}")


def test_mutations_by_get(client: Client) -> None:
    assert client.get("/graphql/", {"query": "mutation cop { __typename }"}).status_code == 405


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
def test_form_posts(client: Client, content_type: str) -> None:
    form = "query=query+cop+%7B__typename%7D"
    multipart = (
        '--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{"query": "{ __typename }"}\r\n--b--\r\n'
    )
    body = multipart if "multipart" in content_type else form
    response = client.generic("POST", "/graphql/", body, content_type)
    assert response.status_code == 415
    assert "data" not in response.json()


def test_tracing_and_debugging(client: Client) -> None:
    for headers in ({}, {"X-Apollo-Tracing": "1"}, {"apollo-federation-include-trace": "ftv1"}):
        answer = post(client, {"query": "query cop { __typename }"}, **headers).json()
        assert answer == {"data": {"__typename": "Query"}}
    text = json.dumps(post(client, {"query": "qwerty cop { abc }"}).json()).lower()
    assert not any(leak in text for leak in ("traceback", "stacktrace", "exception", ".py", "debug"))


def test_schema_and_suggestions_when_switched_off(ask: Ask, settings: Settings) -> None:
    settings.GRAPHQL_INTROSPECTION = False
    read_document.cache_clear()
    assert "data" not in ask("query cop { __schema { types { name } } }")
    assert "Did you mean" not in str(ask("query cop { usr { id } }"))
    read_document.cache_clear()
