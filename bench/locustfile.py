"""A load test for a running service, with players and readers: `locust -f bench/locustfile.py --host http://…`.

WATCHTIME_TOKEN is sent as a bearer token, where the service wants one. Each player sends heartbeats of 30 seconds of a
movie, and now and then the last one again; readers ask for totals. `--headless --users 100 --run-time 60s` prints the
report: requests, failures and percentiles by name.
"""

import os
import random
from typing import Any
from uuid import uuid4

from locust import HttpUser, constant_pacing, task

HEARTBEAT = 30  # seconds of the movie; one is sent each second, thirty times as fast as a player would
MOVIES = 50
LONGEST = 7200
PUBLISH = "mutation ($event: EventInput!) { publishEvent(event: $event) { userErrors { message } } }"
TOTALS = """query ($username: String!, $slug: String!) {
  userTotalWatchTime(username: $username) { totalWatchTime }
  movieTotalWatchTime(slug: $slug) { totalWatchTime }
}"""


class Caller(HttpUser):
    """A client of the GraphQL API."""

    abstract = True

    def on_start(self) -> None:
        if token := os.environ.get("WATCHTIME_TOKEN"):
            self.client.headers["Authorization"] = f"Bearer {token}"

    def ask(self, name: str, query: str, variables: dict[str, Any]) -> None:
        """Send an operation. An answer with errors is a failure, whatever its status is."""
        body = {"query": query, "variables": variables}
        with self.client.post("/graphql/", json=body, name=name, catch_response=True) as response:
            answer = response.json() if response.ok else {}
            if errors := answer.get("errors") or [
                e for part in (answer.get("data") or {}).values() if part for e in part.get("userErrors", ())
            ]:
                response.failure(str(errors))


class Player(Caller):
    """Watches one movie after the other."""

    weight = 9
    wait_time = constant_pacing(1)

    def on_start(self) -> None:
        super().on_start()
        self.name, self.moment, self.slug = f"load-{uuid4().hex[:12]}", 0, ""

    @task
    def heartbeat(self) -> None:
        """Report the next stretch; one in twenty is sent twice, as after a lost answer."""
        if not self.slug or self.moment >= LONGEST:
            self.slug, self.moment = f"load-{min(int(random.expovariate(0.2)), MOVIES)}", 0
        start, self.moment = self.moment, self.moment + HEARTBEAT
        event = {"id": str(uuid4()), "user": self.name, "slug": self.slug, "start": start, "at": self.moment}
        for _ in range(2 if random.random() < 0.05 else 1):
            self.ask("publishEvent", PUBLISH, {"event": event})


class Reader(Caller):
    """Asks for totals."""

    weight = 1
    wait_time = constant_pacing(0.5)

    @task
    def totals(self) -> None:
        """Ask for a viewer's and a movie's total."""
        self.ask("totals", TOTALS, {"username": "load", "slug": f"load-{random.randrange(MOVIES)}"})
