"""What may be asked at once: what clients need passes, and what would cost a hundred times as much does not."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.schema.conftest import Ask, make_grid
from watchtime.events import WatchEvent

SEND = "publishEvents(events: $events) { acceptedCount }"
MANY = "mutation ($events: [EventInput!]!) { %s }"
ERRORS = "{ __typename acceptedCount ids userErrors { __typename path code message } }"
GOOD = {"user": "ada", "slug": "dune", "at": 1}
EVENT = '{user: "ada", slug: "dune", at: 1} '
BAD = {"user": "", "slug": "a/b", "at": -1, "start": -1, "id": "x", "occurredAt": "y"}
EVERYTHING_OF_A_MOVIE = "__typename id pk title slug totalWatchTime"
PAGE = "pageInfo { __typename hasNextPage hasPreviousPage startCursor endCursor }"


@pytest.mark.parametrize(
    "query",
    [
        f"{{ movies(first: 100) {{ totalCount edges {{ cursor node {{ {EVERYTHING_OF_A_MOVIE} }} }} {PAGE} }} }}",
        "{ users(first: 20) { edges { node { watchTimes(first: 20) {"
        " totalCount edges { node { movie { slug } totalWatchTime } } } } } } }",
        "{ users(first: 100) { edges { node { username watchTimes(first: 5) {"
        " edges { node { movie { slug title } totalWatchTime } } } } } } }",
        f"{{ events(first: 100) {{ totalCount edges {{ cursor node {{ id eventId start at occurredAt receivedAt"
        f" user {{ username }} movie {{ slug }} }} }} {PAGE} }} }}",
        "{ users { totalCount } movies { totalCount } events { totalCount } }",
    ],
)
def test_what_clients_need_is_cheap_enough(read: Ask, db: None, query: str) -> None:
    make_grid(3, 3)
    assert read(query)


def aliased(number: int, field: str) -> str:
    return " ".join(f"a{index}: {field}" for index in range(number))


@pytest.mark.parametrize(
    ("query", "unit"),
    [
        ("{ %s }" % aliased(9, "events { totalCount }"), "2,500 rows"),
        ("{ %s }" % aliased(26, "events(first: 100) { edges { node { id } } }"), "2,500 rows"),
        (
            '{ userTotalWatchTime(username: "ada") { %s } }'
            % aliased(26, "watchTimes(first: 100) { pageInfo { hasNextPage } }"),
            "2,500 rows",
        ),
        ("{ users(first: 100) { edges { node { watchTimes(first: 25) { totalCount } } } } }", "2,500 rows"),
        (
            "{ users(first: 100) { edges { node { watchTimes(first: 23) { edges { cursor node { %s } } } } } } }"
            % aliased(8, "id"),
            "20,000 fields",
        ),
        (
            "{ movies(first: 100) { %s } }" % aliased(30, "edges { node { id pk slug title __typename } cursor }"),
            "fields",
        ),
    ],
)
def test_what_asks_for_too_much_is_refused(ask: Ask, db: None, query: str, unit: str) -> None:
    (error,) = ask(query)["errors"]
    assert error["extensions"]["code"] == "TOO_LARGE"
    assert unit in error["message"]


NESTED = "users(first: $n) { edges { node { watchTimes(first: $n) { edges { node { id } } } } } }"


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (f"query ($n: Int!) {{ {NESTED} }}", {"n": 100.0}),
        (f"query ($n: Int = 100) {{ {NESTED} }}", {}),
        (f"query ($n: Int!) {{ {NESTED} movies(first: -9999999) {{ edges {{ node {{ id }} }} }} }}", {"n": 100}),
        (f"query ($n: Int!, $m: Int) {{ {NESTED} movies(last: $m) {{ totalCount }} }}", {"n": 100, "m": -9999999}),
    ],
)
def test_no_size_is_cheaper_than_what_it_reads(
    refused: Callable[..., str], db: None, query: str, variables: dict[str, Any]
) -> None:
    assert refused(query, **variables) == "TOO_LARGE"


def test_a_wrong_size_is_not_cheaper_than_none(refused: Callable[..., str], db: None) -> None:
    assert refused("{ users(first: -1) { edges { node { id } } } }") == "BAD_USER_INPUT"


def test_a_thousand_invalid_events_are_all_reported(read: Ask, published: list[WatchEvent], settings: Any) -> None:
    settings.GRAPHQL_MAX_USER_ERRORS = 1000
    payload = read(MANY % f"publishEvents(events: $events) {ERRORS}", events=[BAD] * 1000)["publishEvents"]
    paths = [error["path"] for error in payload["userErrors"]]
    fields = ("user", "slug", "at", "start", "id", "occurredAt")
    assert sorted(paths[:1002]) == sorted(["events", str(index), field] for index in range(167) for field in fields)
    assert paths[1002:] == [["events", str(index), "user"] for index in range(167, 1000)]
    assert all(error["code"] and error["message"] for error in payload["userErrors"])
    assert published == []


def test_the_errors_of_a_thousand_events_are_told_a_few_times(ask: Ask, published: list[WatchEvent]) -> None:
    for number, is_fine in ((3, True), (4, False)):
        errors = aliased(number, "userErrors { path code message __typename }")
        answer = ask(MANY % f"publishEvents(events: $events) {{ {errors} }}", events=[BAD] * 1000)
        assert ("errors" not in answer) is is_fine
    for number, is_fine in ((19, True), (20, False)):
        answer = ask(MANY % f"publishEvents(events: $events) {{ {aliased(number, 'ids')} }}", events=[GOOD] * 1000)
        assert ("errors" not in answer) is is_fine


@pytest.mark.parametrize(
    ("mutation", "variables"),
    [
        (MANY % f"a: {SEND} b: {SEND}", {"events": [GOOD] * 501}),
        (MANY % f"...A }} fragment A on Mutation {{ a: {SEND} b: {SEND}", {"events": [GOOD] * 501}),
        ("mutation ($e: EventInput!) { publishEvents(events: [%s]) { ids } }" % ("$e " * 7), {"e": GOOD}),
        ("mutation ($e: [EventInput!]! = [%s]) { publishEvents(events: $e) { ids } }" % (EVENT * 7), {}),
    ],
)
def test_an_operation_publishes_a_thousand_events_at_most(
    ask: Ask, published: list[WatchEvent], settings: Any, mutation: str, variables: dict[str, Any]
) -> None:
    settings.GRAPHQL_MAX_EVENTS = 1000 if "events" in variables else 6
    (error,) = ask(mutation, **variables)["errors"]
    assert error["extensions"]["code"] == "TOO_LARGE"
    assert "publishes more than" in error["message"]
    assert published == []


def test_variables_are_counted_together_before_they_are_coerced(refused: Callable[..., str]) -> None:
    lists = {f"e{index}": [GOOD] * 400 for index in range(3)}
    sends = " ".join(f"{name}: publishEvents(events: ${name}) {{ ids }}" for name in lists)
    definitions = ", ".join(f"${name}: [EventInput!]!" for name in lists)
    assert refused(f"mutation ({definitions}) {{ {sends} }}", **lists) == "TOO_LARGE"


def batch(client: Client, *operations: dict[str, Any]) -> list[str]:
    answers = client.post("/graphql/", json.dumps(operations), content_type="application/json").json()
    return [answer["errors"][0]["extensions"]["code"] if "errors" in answer else "ok" for answer in answers]


def test_a_batch_publishes_what_one_operation_may(client: Client, published: list[WatchEvent]) -> None:
    operation = {"query": MANY % SEND, "variables": {"events": [GOOD] * 400}}
    assert batch(client, *[operation] * 3) == ["ok", "ok", "TOO_LARGE"]
    assert len(published) == 800


def test_the_documents_of_a_batch_are_as_long_as_one_may_be(client: Client, settings: Any) -> None:
    settings.GRAPHQL_MAX_TOKENS = 100
    queries = [{"query": f"{{ {'__typename ' * 40} a{index}: __typename }}"} for index in range(3)]
    assert batch(client, *queries) == ["ok", "ok", "TOO_LARGE"]


@pytest.mark.parametrize(
    ("definition", "field", "value"),
    [
        ("MovieOrder!", "movies(orderBy: $v) { totalCount }", "A" * 2_000_000),
        ("String!", "userTotalWatchTime(username: $v) { pk }", "ada" * 600_000),
        ("EventInput!", "publishEvent(event: $v) { id }", {"occurredAt" * 150_000: 1}),
        ("[EventInput!]!", "publishEvents(events: $v) { ids }", [GOOD, {"occurredAt" * 150_000: 1}]),
    ],
)
def test_an_endless_text_is_refused_before_it_is_looked_at(
    refused: Callable[..., str], definition: str, field: str, value: object
) -> None:
    kind = "mutation" if "Event" in definition else "query"
    assert refused(f"{kind} ($v: {definition}) {{ {field} }}", v=value) == "BAD_USER_INPUT"


@pytest.mark.parametrize("name", ["ada" * 30_000, "a" * 101])
def test_what_no_name_can_be_is_not_looked_for(read: Ask, db: None, django_assert_num_queries: Any, name: str) -> None:
    with django_assert_num_queries(0):
        assert read("query ($u: String!) { userTotalWatchTime(username: $u) { pk } }", u=name) == {
            "userTotalWatchTime": None
        }


def test_what_no_id_or_cursor_can_be_is_bad_input(refused: Callable[..., str], db: None) -> None:
    assert refused("query ($id: ID!) { node(id: $id) { id } }", id="VXNlcjox" + "MTEx" * 500_000) == "BAD_USER_INPUT"
    cursor = "W" + "1tb" * 600_000
    assert refused("query ($c: String) { users(after: $c) { totalCount } }", c=cursor) == "BAD_USER_INPUT"


def test_wrong_variables_are_reported_in_short(ask: Ask) -> None:
    wrong = {"event": {f"usr{index}": index for index in range(1000)}}
    answer = ask("mutation ($event: EventInput!) { publishEvent(event: $event) { id } }", **wrong)
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}
    assert len(answer["errors"]) <= 51
    assert len(json.dumps(answer)) < 60_000
