"""A hundred open pages of the dashboard, and what they take from the API."""

import json

from bench.graphql import DEFAULTS, filled
from bench.leg import Leg, legs
from bench.report import Row, in_turns, per_second, ratio
from bench.service import Service, embedded, on_servers
from bench.web import Load, Server, post, serving

PAGES = 100
PAUSE = 0.8  # seconds between an answer and the next question, as schema/static/dashboard/live.js has it
ROUNDS = 7
SECONDS = 2.0
LIVE = """query Live($timeZone: String!) {
  live(timeZone: $timeZone) { eventsPerSecond watchTimeToday viewersNow messagesWaiting deadLetters }
}"""
TOTAL = "query ($u: String!) { userTotalWatchTime(username: $u) { username totalWatchTime } }"


def run(scale: float) -> list[Row]:
    """Measure the rate of a total with the pages open against that without, on both databases."""
    rows = []
    for name, database in (("SQLite", embedded), ("PostgreSQL", on_servers)):
        with database() as service, filled(service):
            rows.append(_beside_pages(service, f"a viewer's total beside {PAGES} open dashboards, {name}", scale))
    return rows


def _beside_pages(service: Service, name: str, scale: float) -> Row:
    total, loads = _request(TOTAL, {"u": "ada"}), {"alone": [], "beside": []}
    with serving(service, **DEFAULTS) as server, legs(service, "pages:poll") as (pages,):
        server.ask(total)

        def measure(kind: str) -> float:
            loads[kind].append(_load(server, pages if kind == "beside" else None, total, SECONDS * scale))
            return loads[kind][-1].rate

        rates = in_turns(ROUNDS, {kind: lambda kind=kind: measure(kind) for kind in loads})
    by_cpu = ratio((load.cpu for load in loads["beside"]), (load.cpu for load in loads["alone"]))
    figures = f"{per_second(rates['beside'])} of {per_second(rates['alone'])}; {by_cpu:.2f} by processor time"
    return Row(name, figures, ratio(rates["beside"], rates["alone"]), 0.9)


def _load(server: Server, pages: Leg | None, total: bytes, seconds: float) -> Load:
    """Ask for the total while the pages, which are another process's, ask for the live numbers."""
    if pages is None:
        return server.load(total, seconds)
    pages.start(server.port, _request(LIVE, {"timeZone": "Europe/Berlin"}).decode(), PAGES, PAUSE, seconds)
    load = server.load(total, seconds)
    asked = pages.result()
    if asked < 0.5 * PAGES * seconds / PAUSE:
        raise RuntimeError(f"The pages asked only {asked} times.")
    return load


def _request(query: str, variables: dict[str, str]) -> bytes:
    return post("/graphql/", json.dumps({"query": query, "variables": variables}).encode())
