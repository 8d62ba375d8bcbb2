"""Each limit refuses what exceeds it with its own words, and lets the rest pass."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from graphql import get_introspection_query
from pytest_django import Settings

from schema import documents
from schema.documents import read_document
from tests.schema.conftest import Ask
from watchtime.events import WatchEvent
from watchtime.models import CustomUser


@pytest.fixture(autouse=True)
def fresh_plans() -> Iterator[None]:
    """Forget the documents that were measured with other settings."""
    read_document.cache_clear()
    yield
    read_document.cache_clear()


@pytest.fixture
def too_large(ask: Ask, db: None) -> Callable[..., str]:
    """Send what must be refused as too large without a look at the data; returns the message."""

    def send(query: str, **variables: Any) -> str:
        with CaptureQueriesContext(connection) as statements:
            answer = ask(query, **variables)
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "TOO_LARGE"
        assert "data" not in answer
        assert len(statements) == 0
        message: str = error["message"]
        return message

    return send


def nested(levels: int) -> str:
    return (
        "{ users { edges { node { "
        + "watchTimes(first: 1) { edges { node { user { " * levels
        + "id"
        + " } } } }" * levels
        + " } } } }"
    )


def test_depth(read: Ask, too_large: Callable[..., str], settings: Settings) -> None:
    settings.GRAPHQL_MAX_DEPTH = 11
    read(nested(2))
    assert too_large(nested(3)) == "The document is deeper than 11 levels."


def test_depth_in_fragments(too_large: Callable[..., str], settings: Settings) -> None:
    settings.GRAPHQL_MAX_DEPTH = 5
    query = """{ users { ...A } } fragment A on UserConnection { edges { node { ...B } } }
      fragment B on User { watchTimes { edges { node { id } } } }"""
    assert "deeper than 5" in too_large(query)


def test_a_document_of_brackets_only(too_large: Callable[..., str]) -> None:
    assert "nested too deeply" in too_large("{a" * 900)


def test_tokens(read: Ask, too_large: Callable[..., str], settings: Settings) -> None:
    settings.GRAPHQL_MAX_TOKENS = 10
    read("{ __typename }")
    assert "more than 10 tokens" in too_large("{ " + "__typename " * 10 + "}")
    assert too_large("\n" * 6 + "\r" * 5 + "{ __typename }") == "The document has more than 10 lines."


def test_the_documents_length(too_large: Callable[..., str], settings: Settings) -> None:
    settings.GRAPHQL_MAX_DOCUMENT = 50
    assert too_large("{ __typename }" + " " * 50) == "The document has more than 50 characters."


def test_definitions(ask: Ask, too_large: Callable[..., str], settings: Settings) -> None:
    settings.GRAPHQL_MAX_DEFINITIONS = 3
    query = "query A { ...A } fragment A on Query { __typename } query B { ...A }"
    assert ask(query)["errors"][0]["extensions"]["code"] == "BAD_REQUEST"  # which of both, it asks
    assert too_large(query + " query C { ...A }") == "The document has more than 3 definitions."


def test_aliases(read: Ask, too_large: Callable[..., str], settings: Settings) -> None:
    def aliased(number: int) -> str:
        return "{" + " ".join(f"a{index}: __typename" for index in range(number)) + "}"

    read(aliased(settings.GRAPHQL_MAX_ALIASES))
    assert too_large(aliased(settings.GRAPHQL_MAX_ALIASES + 1)) == "The document has more than 30 aliases."


def test_directives(read: Ask, too_large: Callable[..., str], settings: Settings) -> None:
    settings.GRAPHQL_MAX_DIRECTIVES = 2
    read("{ __typename @include(if: true) @skip(if: false) }")
    assert "2 directives" in too_large("{ __typename @a @b @c }")
    assert "2 directives" in too_large("query @a { ...A @b } fragment A on Query { ... @c { __typename } }")


def test_duplicate_fields(read: Ask, too_large: Callable[..., str], settings: Settings) -> None:
    read("{ " + "__typename " * (settings.GRAPHQL_MAX_DUPLICATES + 1) + "}")
    assert "40 duplicates" in too_large("{ " + "__typename " * (settings.GRAPHQL_MAX_DUPLICATES + 2) + "}")
    assert "40 duplicates" in too_large("{ " + "...A " * 200 + "} fragment A on Query { __typename }")


def test_fragments_that_multiply(too_large: Callable[..., str]) -> None:
    """Fifty fragments that each spread the next twice are 2**50 fields."""
    fragments = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(50))
    assert too_large(f"{{ ...F0 }} {fragments} fragment F50 on Query {{ __typename }}")
    assert too_large(f"{{ ...F0 }} {fragments}")


@pytest.mark.parametrize("fields", ["__typename " * 42, " ".join(f"a{index}: __typename" for index in range(31))])
def test_a_fragment_that_nobody_spreads_is_measured(too_large: Callable[..., str], fields: str) -> None:
    """It is validated, which is the expensive part."""
    assert too_large(f"{{ __typename }} fragment A on Query {{ {fields} }}")
    assert too_large(f"{{ __typename }} fragment A on Query {{ ...B }} fragment B on Query {{ {fields} }}")


def test_fragments_in_a_circle_are_invalid(refused: Callable[..., str], db: None) -> None:
    query = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"
    assert refused(query) == "GRAPHQL_VALIDATION_FAILED"


def tree(users: str, watch_times: str) -> str:
    """Return a query of two nested lists that declares the variables it uses."""
    declared = ", ".join(
        f"${name}: Int{' = 100' if name == 'hundred' else ''}"
        for name in ("n", "m", "hundred")
        if f"${name}" in users + watch_times
    )
    inner = f"watchTimes({watch_times}) {{ edges {{ node {{ id }} }} }}"
    return f"query{f'({declared})' if declared else ''} {{ users({users}) {{ edges {{ node {{ {inner} }} }} }} }}"


@pytest.mark.parametrize(
    ("users", "watch_times", "variables"),
    [
        ("first: 100", "first: 100", {}),
        ("first: 100", "last: 100", {}),
        ("first: $n", "first: $m", {"n": 100, "m": 100}),
        ("first: $n", "last: $m", {"n": 100, "m": 100}),
        ("first: $n", "first: $hundred", {"n": 100}),
        ("first: $n", "first: $m, last: 100", {"n": 100}),
        ("first: 999999999", "first: 999999999", {}),
    ],
)
def test_the_cost_is_the_items_times_the_nesting(
    too_large: Callable[..., str], users: str, watch_times: str, variables: dict[str, int]
) -> None:
    assert "more than 2,500 rows" in too_large(tree(users, watch_times), **variables)


def test_what_is_cheap_with_its_variables_is_executed(read: Ask, db: None) -> None:
    query = tree("first: $n", "first: $m")
    for variables in ({"n": 100, "m": 5}, {"n": 5, "m": 100}, {}):
        assert read(query, **variables) == {"users": {"edges": []}}


def test_introspection_works_but_not_twice_in_a_request(
    read: Ask, too_large: Callable[..., str], client: Client, db: None
) -> None:
    query = get_introspection_query(True, True, True, True, True, True)
    assert read(query)["__schema"]["types"]
    assert "asks for the schema more than 1 times" in too_large(
        query.replace("__schema {", "__schema { queryType { name } } __schema {")
    )
    first, second = client.post("/graphql/", [{"query": query}] * 2, content_type="application/json").json()
    assert "errors" not in first
    assert second["errors"][0]["extensions"]["code"] == "TOO_LARGE"


@pytest.mark.parametrize(
    "query",
    [
        '{ a: __type(name: "Query") { name } }',
        "{ __schema { types { a: fields { name } b: fields { name } } } }",
        "{ __schema { types { ...T } } } fragment T on __Type { fields { a: name } }",
    ],
)
def test_nothing_multiplies_an_introspection(too_large: Callable[..., str], query: str) -> None:
    assert too_large(query) == "Introspection fields must not have aliases."


def test_introspection_in_circles_is_refused(refused: Callable[..., str], db: None) -> None:
    circle = f"{{ __schema {{ types {{ {'fields { type { ' * 3} name {'} }' * 3} }} }} }}"
    assert refused(circle) == "GRAPHQL_VALIDATION_FAILED"


def test_introspection_and_suggestions_can_be_switched_off(ask: Ask, db: None, settings: Settings) -> None:
    assert "Did you mean 'users'" in ask("{ user { id } }")["errors"][0]["message"]
    settings.GRAPHQL_INTROSPECTION = False
    read_document.cache_clear()
    for query in ("{ __schema { types { name } } }", '{ __type(name: "User") { name } }'):
        assert ask(query)["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert "__typename" in ask("{ __typename }")["data"]
    bad_value = ask("mutation ($e: EventInput!) { publishEvent(event: $e) { id } }", e={"usr": "a"})
    for answer in (ask("{ user { id } }"), ask("{ users(orderBy: USERNAME) { totalCount } }"), bad_value):
        assert "Did you mean" not in str(answer)


def test_validation_stops_after_a_few_errors(ask: Ask, db: None, settings: Settings) -> None:
    errors = ask("{ " + " ".join(f"a{index}" for index in range(50)) + " }")["errors"]
    assert len(errors) == settings.GRAPHQL_MAX_ERRORS + 1
    assert {error["extensions"]["code"] for error in errors} == {"GRAPHQL_VALIDATION_FAILED"}


def test_an_operation_is_stopped_when_its_time_is_up(
    ask: Ask, ada: CustomUser, settings: Settings, published: list[WatchEvent]
) -> None:
    settings.GRAPHQL_TIMEOUT = -1.0
    totals = '{ userTotalWatchTime(username: "ada") { username } a: userTotalWatchTime(username: "ada") { pk } }'
    publication = 'mutation { publishEvent(event: {user: "ada", slug: "dune", at: 1}) { id } }'
    for query in (totals, publication):
        answer = ask(query)
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"TIMEOUT"}
        assert not any((answer["data"] or {}).values())
    assert published == []


def test_a_repeated_document_is_neither_parsed_nor_validated_again(
    read: Ask, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("parse", "validate"):
        original = getattr(documents, name)
        monkeypatch.setattr(
            documents, name, lambda *a, _name=name, _call=original, **k: (calls.append(_name), _call(*a, **k))[1]
        )
    for number in range(3):
        read("query ($n: Int) { users(first: $n) { totalCount } }", n=number)
    assert calls == ["parse", "validate"]
