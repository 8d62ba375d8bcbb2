"""A compiled operation answers as graphql-core does, errors and all."""

import json
from collections.abc import Mapping
from itertools import cycle
from typing import Any

import pytest
from django.test import RequestFactory
from graphql import (
    ExecutionResult,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    execute_sync,
    get_introspection_query,
    get_named_type,
    get_operation_ast,
    get_variable_values,
    is_interface_type,
    is_leaf_type,
    parse,
)
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import DrawFn, booleans, composite, integers, lists, sampled_from

from schema.costs import Cost
from schema.errors import ErrorCode, code_of
from schema.execution import GRAPH, Context, Plan, Planned
from schema.executor import Execution
from tests.schema.conftest import make_event, make_grid
from watchtime.models import CustomUser, Movie

VARIABLES = {"n": 2, "yes": True}
QUERIES = [
    get_introspection_query(input_value_deprecation=True),
    '{ __type(name: "Query") { a: fields { name } fields(includeDeprecated: true) { name type { name } } } }',
    """query ($n: Int = 2, $yes: Boolean = true) {
      users(first: $n) { __typename totalCount pageInfo { endCursor } edges { cursor node { ...U } } } }
    fragment U on User { __typename id pk username t: totalWatchTime @skip(if: $yes)
      watchTimes(last: $n) { totalCount pageInfo { startCursor hasPreviousPage } edges { cursor node {
        id user { username } movie { ... on Node { id } slug
          watchTimes(first: 1) { edges { node { id } } } } } } } }""",
    """query ($yes: Boolean!) { movies @include(if: $yes) { ...C ...C edges { node { slug } } edges { node { id } } }
      ... on Query @skip(if: $yes) { users { totalCount } } }
    fragment C on MovieConnection { edges { cursor } ...D } fragment D on MovieConnection { totalCount }""",
    "{ events { edges { node { id eventId occurredAt receivedAt start at user { id } movie { slug title } } } } }",
    '{ node(id: "VXNlcjox") { __typename id ... on User { username } ... on Movie { slug } } a: node(id: "x") { id } }',
    '{ userTotalWatchTime(username: "user-001") { username watchTimes(first: 1, last: 1) { totalCount } } }',
    '{ userTotalWatchTime(username: "nobody") { username } movieTotalWatchTime { title } users { totalCount } }',
    '{ userMovieTotalWatchTime(username: "user-001", movieSlug: "movie-002") { id user { pk } movie { pk } } }',
    '{ users { edges { node { username watchTimes(after: "x") { edges { node { id } } } } } } movies { totalCount } }',
    "query ($n: Int!) { users(first: $n) { edges { node { watchTimes(first: 101) { edges { node { id } } } } } } }",
    '{ userTotalWatchTime(username: "user-001") { watchTimes(first: 101) { edges { cursor } } pk } }',
    "{ ...E ...E } fragment E on Query { movieTotalWatchTime { title } }",
    "query ($n: String!) { userTotalWatchTime(username: $n) { username } }",
    """mutation { publishEvent(event: {user: "", slug: "a/b", at: -1, id: "x"}) {
      __typename id userErrors { path code message } } }""",
]
# What an argument of this name may be, as it stands in a document; nothing where it is left out.
ARGUMENTS = {
    "id": ['"VXNlcjox"', '"TW92aWU6Mg=="', '"V2F0Y2hUaW1lOjE="', '"x"'],
    "username": ['"user-001"', '"user-002"', '"nobody"', ""],
    "slug": ['"movie-001"', '"movie-001"', ""],
    "movieSlug": ['"movie-002"', '"movie-002"', ""],
    "orderBy": ["TOTAL_WATCH_TIME_ASC", "$none", ""],
    "first": ["2", "$n", "0", "", "", "", ""],
    "last": ["1", "101", *[""] * 8],
    "after": ['"x"', *[""] * 20],
    "occurredFrom": ['"2026-01-31T20:15:00+01:00"', *[""] * 8],
}
DIRECTIVES = [*[""] * 9, "@skip(if: $yes)", "@include(if: $yes)", "@include(if: false)"]


@pytest.fixture
def rows(db: None) -> None:
    make_grid(3, 3)
    make_event(CustomUser.objects.all()[0], Movie.objects.all()[0])


def executed(known: Plan, values: Mapping[str, Any]) -> ExecutionResult:
    """Execute the only operation of a plan, without what its document may cost."""
    planned = known.operation(None)
    variables = get_variable_values(GRAPH, planned.node.variable_definitions or (), values)
    if isinstance(variables, list):
        return ExecutionResult(None, variables)
    context = Context(RequestFactory().post("/graphql/"))
    return Execution(context, variables).run(known.compiled(planned, variables))


def shown(result: ExecutionResult) -> list[Any]:
    """Return an answer as clients see it but for the codes of errors, which are ours."""
    errors = [{**error.formatted, "extensions": None} for error in result.errors or ()]
    return [json.dumps(result.data), errors]


def assert_same(query: str, values: Mapping[str, Any] = VARIABLES) -> ExecutionResult:
    """Compare both answers, and ours with that of the compiled operation's next execution."""
    document = parse(query)
    node = get_operation_ast(document)
    assert node is not None
    known = Plan(document, {None: Planned(node, Cost({}, ()))}, has_directives="@" in query)
    ours, again = executed(known, values), executed(known, values)
    assert shown(ours) == shown(execute_sync(GRAPH, document, variable_values=dict(values)))
    assert shown(ours)[0] == shown(again)[0]
    return ours


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("query", QUERIES)
def test_the_answer_is_graphql_cores(query: str) -> None:
    assert_same(query)


NULLS = [
    "query ($y: Boolean = true) { users @skip(if: $y) { totalCount } }",
    """query ($y: Boolean = true) {
      userTotalWatchTime(username: "nobody") { username @skip(if: $y) } movies { totalCount } }""",
    "query ($y: Boolean = true) { users { totalCount @skip(if: true) @include(if: $y) } movies { totalCount } }",
    "query ($y: Boolean = true) { users { edges { node { username @include(if: $y) } } } }",
    'query ($s: String = "user-001") { userTotalWatchTime(username: $s) { pk } movies { totalCount } }',
    """mutation ($y: Boolean = true) {
      publishEvent(event: {user: "", slug: "x", at: 1}) { id @skip(if: $y) userErrors { code } } }""",
]


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("query", NULLS)
def test_a_null_that_cannot_be_is_bad_input_where_it_is_met(query: str) -> None:
    for error in assert_same(query, {"y": None, "s": None}).errors or ():
        assert code_of(error) is ErrorCode.BAD_USER_INPUT


@pytest.mark.usefixtures("rows")
def test_what_is_not_reached_is_not_compiled() -> None:
    deep = "ofType { " * 190 + "name" + " }" * 190
    assert assert_same(f"{{ __schema {{ queryType {{ {deep} }} }} }}").errors is None


@composite
def selections(draw: DrawFn, type_: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
    """Make a selection of a type's fields, some of them in fragments."""
    fields = {name: field for name, field in type_.fields.items() if depth or is_leaf_type(get_named_type(field.type))}
    names = sorted(fields, key=lambda name: is_leaf_type(get_named_type(fields[name].type)))
    parts = ["__typename"]
    for name in draw(lists(sampled_from(names), min_size=1, max_size=4)) if names else []:
        part = draw(field_of(name, fields[name], depth))
        parts.append(f"... on {type_} {draw(sampled_from(DIRECTIVES))} {{ {part} }}" if draw(booleans()) else part)
    if is_interface_type(type_):
        parts += [f"... on {each} {draw(selections(each, depth))}" for each in GRAPH.get_possible_types(type_)]
    return f"{{ {' '.join(parts)} }}"


@composite
def field_of(draw: DrawFn, name: str, field: GraphQLField, depth: int) -> str:
    """Make a field of a selection: with an alias, arguments, a directive and selections of its own."""
    given = {argument: draw(sampled_from(ARGUMENTS.get(argument, [""]))) for argument in field.args}
    arguments = ", ".join(f"{argument}: {value}" for argument, value in given.items() if value)
    part = (
        f"{name}{draw(integers(1, 3))}: {name}{f'({arguments})' if arguments else ''} {draw(sampled_from(DIRECTIVES))}"
    )
    named = get_named_type(field.type)
    return part if is_leaf_type(named) else f"{part} {draw(selections(named, depth - 1))}"


@pytest.mark.usefixtures("rows")
@given(selections(GRAPH.query_type, 8))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_answer_to_any_query_is_graphql_cores(selection: str) -> None:
    assert_same(f"query ($n: Int, $yes: Boolean!, $none: UserOrder) {selection}")


@pytest.mark.usefixtures("rows")
def test_a_value_that_cannot_be_is_an_error_where_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    names = cycle(["ada", None, "grace"])
    monkeypatch.setattr(CustomUser, "from_db", classmethod(lambda cls, *_: cls(pk=1, username=next(names))))
    query = "{ movies { totalCount } users(first: 2) { edges { node { username } } } }"
    (error,) = assert_same(query).errors or ()
    assert error.path == ["users", "edges", 1, "node", "username"]
    assert "non-nullable field User.username" in error.message
