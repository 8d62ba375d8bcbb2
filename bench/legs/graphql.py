"""What the GraphQL benchmark needs inside of the service."""

import time
from functools import partial
from typing import Any

from django.test import RequestFactory
from graphql import execute, parse

from bench.report import in_turns
from schema.execution import GRAPH, Context, run
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


def limits(count: int) -> dict[str, list[float]]:
    """Return the seconds of a cached query with all limits, and of its bare execution."""
    request, document = RequestFactory().post("/graphql/"), parse(QUERY)
    measured: dict[str, Any] = {
        "limits": lambda: run(Context(request), Operation(QUERY, VARIABLES)),
        "none": lambda: execute(GRAPH, document, variable_values=VARIABLES),
    }
    return in_turns(ROUNDS, {name: partial(_seconds, call, count) for name, call in measured.items()})


def _seconds(call: Any, count: int) -> float:
    call()
    begin = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - begin) / count
