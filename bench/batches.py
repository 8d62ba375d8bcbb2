"""Events through HTTP a thousand at a time against one at a time, with the same number of clients."""

import json

from bench.graphql import EVENT, PUBLISH
from bench.leg import legs
from bench.report import Row, in_turns, per_second, ratio
from bench.service import on_servers
from bench.web import post, serving

BATCH = 1000
SECONDS = 4
ROUNDS = 5
PUBLISH_MANY = (
    "mutation ($events: [EventInput!]!)"
    " { publishEvents(events: $events) { acceptedCount userErrors { path code message } } }"
)


def run(scale: float) -> list[Row]:
    single = _request(PUBLISH, {"event": EVENT})
    batch = _request(PUBLISH_MANY, {"events": [EVENT] * BATCH})
    with on_servers() as service, legs(service, "publish:fill") as (fill,), serving(service) as server:
        fill(1)  # declares the queue
        answer = json.loads(server.ask(batch))
        if answer["data"]["publishEvents"]["acceptedCount"] != BATCH:
            raise RuntimeError(answer)
        figures = in_turns(
            ROUNDS,
            {
                "publishEvent": lambda: server.load(single, max(1, SECONDS * scale)).rate,
                "publishEvents": lambda: BATCH * server.load(batch, max(1, SECONDS * scale)).rate,
            },
        )
    one, many = figures.values()
    measured = f"{per_second(many)} against {per_second(one)}"
    return [Row(f"events through HTTP, {BATCH} a mutation against one", measured, ratio(many, one), reach=15)]


def _request(query: str, variables: object) -> bytes:
    return post("/graphql/", json.dumps({"query": query, "variables": variables}).encode())
