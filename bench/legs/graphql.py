"""What the GraphQL benchmark needs inside of the service."""

import time
from functools import partial
from typing import Any

from django.test import RequestFactory
from graphql import get_variable_values

from bench.report import in_turns
from schema.execution import GRAPH, Context, plan, run
from schema.executor import Execution
from schema.request import Operation
from watchtime.models import CustomUser, Movie, WatchTime

ROUNDS = 7
QUERY = "query ($u: String!) { userTotalWatchTime(username: $u) { username totalWatchTime } }"
VARIABLES = {"u": "ada"}


def fill() -> None:
    """Make a total of each kind."""
    user = CustomUser.objects.create(username="ada", total_watch_time=60)
    movie = Movie.objects.create(slug="dune", title="Dune", total_watch_time=60)
    WatchTime.objects.create(user=user, movie=movie, last_moment=60, total=60)


class Unlimited(Execution):
    """An execution that looks at neither the time nor the cost."""

    def enter(self, introspected: int) -> None:
        pass


def limits(count: int) -> dict[str, list[float]]:
    """Return the seconds of a cached query with all limits, and of what is left of it without them."""
    context, operation, known = Context(RequestFactory().post("/graphql/")), Operation(QUERY, VARIABLES), plan(QUERY)
    planned = known.operation(None)

    def without() -> None:
        variables = get_variable_values(GRAPH, planned.node.variable_definitions or (), VARIABLES)
        assert not isinstance(variables, list)
        Unlimited(context, variables).run(known.compiled(planned, variables))

    measured: dict[str, Any] = {"limits": lambda: run(Context(context.request), operation), "none": without}
    return in_turns(ROUNDS, {name: partial(_seconds, call, count) for name, call in measured.items()})


def _seconds(call: Any, count: int) -> float:
    call()
    begin = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - begin) / count
