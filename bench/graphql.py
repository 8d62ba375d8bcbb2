"""The GraphQL endpoint against a bare view that returns the same bytes, on the same server and middleware.

They are measured in turns within one run, and what counts is the ratio. Beside
the requests a second stands the same by the server's own processor time, which
what else the machine does hardly touches.
"""

import base64
import json
import statistics
from typing import Any

from bench.leg import legs
from bench.report import Row, in_turns, per_second, ratio
from bench.service import embedded, on_servers
from bench.web import Load, Server, post, serving

ROUNDS = 7
SECONDS = 1.0
EVENT = {"user": "ada", "slug": "dune", "at": 60}
PUBLISH = "mutation ($event: EventInput!) { publishEvent(event: $event) { id userErrors { path code message } } }"
OPERATIONS: dict[str, tuple[str, dict[str, Any], float]] = {
    "user total": (
        "query ($u: String!) { userTotalWatchTime(username: $u) { username totalWatchTime } }",
        {"u": "ada"},
        0.3,
    ),
    "movie total": (
        "query ($s: String!) { movieTotalWatchTime(slug: $s) { slug title totalWatchTime } }",
        {"s": "dune"},
        0.3,
    ),
    "viewer's movie total": (
        "query ($u: String!, $s: String!)"
        " { userMovieTotalWatchTime(username: $u, movieSlug: $s) { lastMoment totalWatchTime } }",
        {"u": "ada", "s": "dune"},
        0.3,
    ),
    "confirmed publish": (PUBLISH, {"event": EVENT}, 0.25),
}


def run(scale: float) -> list[Row]:
    """Measure every operation on SQLite with the embedded queue, and on PostgreSQL with RabbitMQ."""
    rows = []
    for where, service in (("SQLite, embedded queue", embedded), ("PostgreSQL, RabbitMQ", on_servers)):
        with service() as made, legs(made, "graphql:fill", "graphql:limits") as (fill, limits):
            fill()
            with serving(made) as server:
                rows += [_compare(server, f"{name}: {where}", *OPERATIONS[name], scale) for name in OPERATIONS]
            rows += [_limits(limits(int(2000 * scale)))] if service is embedded else []
    return rows


def _compare(server: Server, name: str, query: str, variables: dict[str, Any], reach: float, scale: float) -> Row:
    graphql = post("/graphql/", json.dumps({"query": query, "variables": variables}).encode())
    answer = server.ask(graphql)
    if b'"errors"' in answer:
        raise RuntimeError(answer)
    requests = {"bare": post(f"/bare/{base64.urlsafe_b64encode(answer).decode()}", b"{}"), "graphql": graphql}
    loads: dict[str, list[Load]] = {name: [] for name in requests}

    def measure(kind: str) -> float:
        loads[kind].append(server.load(requests[kind], SECONDS * scale))
        return loads[kind][-1].rate

    rates = in_turns(ROUNDS, {"bare": lambda: measure("bare"), "graphql": lambda: measure("graphql")})
    by_cpu = ratio((load.cpu for load in loads["graphql"]), (load.cpu for load in loads["bare"]))
    measured = f"{per_second(rates['graphql'])} of {per_second(rates['bare'])}; {by_cpu:.2f} by processor time"
    return Row(name, measured, ratio(rates["graphql"], rates["bare"]), reach)


def _limits(figures: dict[str, list[float]]) -> Row:
    measured = f"{statistics.median(figures['limits']) * 1e6:.0f} of {statistics.median(figures['none']) * 1e6:.0f} µs"
    return Row(
        "a cached query, with all limits", measured, ratio(figures["limits"], figures["none"]), 1.3, at_most=True
    )
