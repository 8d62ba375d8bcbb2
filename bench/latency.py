"""How long an event takes from being published to being visible in a total: beside a steady load, and alone."""

import statistics
import tempfile
from pathlib import Path

from bench.leg import legs
from bench.report import Row, progress
from bench.service import Service, consuming, on_servers
from bench.traffic import KNOWN, MOVIES, VIEWERS
from bench.web import post, serving

RATE = 1_000  # events a second
SIZE = 10  # events a request; one a request would take both cores of a small machine by itself
PROBES = 40  # of them, a second: those that are watched
SECONDS = 20.0
WARM_UP = 5.0  # seconds; a new consumer begins with single messages
MEDIAN, LAST = 60, 250  # milliseconds that are to be reached, the second for 99 of 100
IDLE_PROBES = 4  # a second
LINGER = 50  # milliseconds, the default of CONSUMER_LINGER_MS


def run(scale: float) -> list[Row]:
    seconds = max(3.0, SECONDS * scale)
    rows = []
    with (
        on_servers() as service,
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        serving(service, WEB_WORKERS="") as server,
        consuming(service, Path(directory, "consume.log")),
    ):
        service.execute(*KNOWN)
        service.settle()
        rows += _idle(
            service, server.port, seconds, server.seconds(post("/graphql/", b'{"query": "{ __typename }"}'), 50)
        )
        rows += _beside_load(service, server.port, seconds)
        service.manage("verify_totals")
    return rows


def _idle(service: Service, port: int, seconds: float, round_trip: float) -> list[Row]:
    with legs(service, "load:probe") as (probe,):
        median, _ = _median_and_last(probe(port, service.database_url, IDLE_PROBES, seconds + WARM_UP))
    what = f"publish to visible, nothing else to do; one linger ({LINGER} ms) and a round trip"
    to_reach = LINGER + 1000 * round_trip
    return [Row(what, f"{median:.0f} ms of {to_reach:.0f} ms", median / to_reach, 1.2, at_most=True)]


def _beside_load(service: Service, port: int, seconds: float) -> list[Row]:
    with legs(service, "load:steady", "load:probe") as (load, probe):
        load.start(port, RATE - PROBES, SIZE, seconds + WARM_UP, VIEWERS, MOVIES)
        median, last = _median_and_last(probe(port, service.database_url, PROBES, seconds + WARM_UP))
        late = load.result()["late"]
    progress(f"the load's last request was {1000 * late:.0f} ms late")
    if late > 1:
        raise RuntimeError(f"the load of {RATE} events a second was not reached: it ended {late:.1f} s late")
    what = f"publish to visible at {RATE:,} events a second, {SIZE} a request"
    return [
        Row(f"{what}: the median", f"{median:.0f} ms", median / MEDIAN, 1, at_most=True),
        Row(f"{what}: 99 of 100", f"{last:.0f} ms", last / LAST, 1, at_most=True),
    ]


def _median_and_last(probes: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the median and the 99th percentile in milliseconds, of the probes after the first seconds."""
    begin = probes[0][0] + WARM_UP
    seconds = [taken for due, taken in probes if due >= begin]
    return 1000 * statistics.median(seconds), 1000 * statistics.quantiles(seconds, n=100)[98]
