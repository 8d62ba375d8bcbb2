"""Flat lists that are read in a loop come out as graphql-core completes them, errors and all."""

from typing import Any

import pytest
from django.test import RequestFactory
from graphql import ExecutionResult, execute, get_introspection_query, parse
from graphql.execution import Executor

from schema.execution import GRAPH, Context
from schema.executor import TimedExecutor
from tests.schema.conftest import make_event, make_grid
from watchtime.models import CustomUser, Movie

QUERIES = [
    get_introspection_query(input_value_deprecation=True),
    '{ __type(name: "Query") { a: fields { name } fields(includeDeprecated: true) { name type { name } } } }',
    """query ($n: Int = 2, $yes: Boolean = true) {
      users(first: $n) { __typename totalCount pageInfo { endCursor } edges { cursor node { ...U } } } }
    fragment U on User { __typename id pk username t: totalWatchTime @skip(if: $yes)
      watchTimes(last: $n) { totalCount pageInfo { startCursor hasPreviousPage } edges { cursor node {
        id user { username } movie { ... on Node { id } slug
          watchTimes(first: 1) { edges { node { id } } } } } } } }""",
    "{ events { edges { node { id eventId occurredAt receivedAt start at user { id } movie { slug title } } } } }",
    '{ node(id: "VXNlcjox") { __typename id ... on User { username } } a: node(id: "x") { id } }',
    '{ userTotalWatchTime(username: "user-001") { username watchTimes(first: 1, last: 1) { totalCount } } }',
    '{ users { edges { node { username watchTimes(after: "x") { edges { node { id } } } } } } movies { totalCount } }',
    "query ($n: Int!) { users { edges { node { watchTimes(first: $n) { edges { node { id } } } } } } }",
    '{ userTotalWatchTime(username: "user-001") { watchTimes(first: 101) { edges { cursor } } pk } }',
]
BAD = """mutation { publishEvent(event: {user: "", slug: "a/b", at: -1, id: "x"}) {
  __typename id userErrors { path code message } } }"""


def executed(query: str, executor: type) -> ExecutionResult:
    context = Context(RequestFactory().post("/graphql/"))
    result: Any = execute(
        GRAPH, parse(query), context_value=context, executor_class=executor, variable_values={"n": 101}
    )
    return result


@pytest.mark.parametrize("query", [*QUERIES, BAD])
def test_the_answer_is_what_graphql_core_makes_of_it(db: None, query: str) -> None:
    make_grid(3, 3)
    make_event(CustomUser.objects.all()[0], Movie.objects.all()[0])
    ours, theirs = executed(query, TimedExecutor), executed(query, Executor)
    assert ours.data == theirs.data
    assert [error.formatted for error in ours.errors or ()] == [error.formatted for error in theirs.errors or ()]


def test_a_value_that_cannot_be_is_graphql_cores_error(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    make_grid(2, 1)
    monkeypatch.setattr(CustomUser, "from_db", classmethod(lambda cls, *_: cls(pk=1, username=None)))
    for executor in (TimedExecutor, Executor):
        (error,) = executed("{ users(first: 1) { edges { node { username } } } }", executor).errors or ()
        assert error.path == ["users", "edges", 0, "node", "username"]
        assert "non-nullable field User.username" in error.message
