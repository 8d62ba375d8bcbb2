"""A hundred open pages of the dashboard, and what they take from the API."""

import json

from bench.graphql import DEFAULTS, filled
from bench.leg import Leg, legs
from bench.report import Row, in_turns, per_second, ratio
from bench.service import Service, embedded, on_servers
from bench.web import Load, Server, post, serving

PAGES = 100
PAUSE = 0.75  # seconds between an answer and the next question, as schema/static/dashboard/live.js has it
SENT = "Sec-Fetch-Site: same-origin\r\nOrigin: http://127.0.0.1\r\nCookie: sessionid="
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
        with database() as service, filled(service), legs(service, "pages:sign_in") as (sign_in,):
            secret, cookies = sign_in(PAGES)
            rows.append(_beside(service, f"a viewer's total beside {PAGES} open dashboards, {name}", secret, [], scale))
            rows.append(
                _beside(service, f"the same, each of somebody who is signed in, {name}", secret, cookies, scale)
            )
    return rows


def _beside(service: Service, name: str, secret: str, cookies: list[str], scale: float) -> Row:
    total, loads = _request(TOTAL, {"u": "ada"}), {"alone": [], "beside": []}
    with serving(service, SECRET_KEY=secret, **DEFAULTS) as server, legs(service, "pages:poll") as (pages,):
        server.ask(total)

        def measure(kind: str) -> float:
            load = (
                server.load(total, SECONDS * scale) if kind == "alone" else _load(server, pages, cookies, total, scale)
            )
            loads[kind].append(load)
            return load.rate

        rates = in_turns(ROUNDS, {kind: lambda kind=kind: measure(kind) for kind in loads})
    by_cpu = ratio((load.cpu for load in loads["beside"]), (load.cpu for load in loads["alone"]))
    figures = f"{per_second(rates['beside'])} of {per_second(rates['alone'])}; {by_cpu:.2f} by processor time"
    return Row(name, figures, ratio(rates["beside"], rates["alone"]), None if cookies else 0.9)


def _load(server: Server, pages: Leg, cookies: list[str], total: bytes, scale: float) -> Load:
    """Ask for the total while the pages, which are another process's, ask for the live numbers."""
    live = _request(LIVE, {"timeZone": "Europe/Berlin"})
    requests = [live.replace(b"\r\n", f"\r\n{SENT}{cookie}\r\n".encode(), 1) for cookie in cookies] or [live]
    pages.start(server.port, [request.decode() for request in requests], PAGES, PAUSE, SECONDS * scale)
    load = server.load(total, SECONDS * scale)
    asked = pages.result()
    if asked < 0.4 * PAGES * SECONDS * scale / PAUSE:
        raise RuntimeError(f"The pages asked only {asked} times.")
    return load


def _request(query: str, variables: dict[str, str]) -> bytes:
    return post("/graphql/", json.dumps({"query": query, "variables": variables}).encode())
