"""`consume`, draining what waits, against one message at a time; and against its halves alone."""

from collections.abc import Callable

from bench.leg import Leg, legs
from bench.report import Row, in_turns, per_second, ratio
from bench.service import Service, on_servers
from bench.traffic import KNOWN

EVENTS = 100_000
OLD_EVENTS = 3_000
ROUNDS = 3


def run(scale: float) -> list[Row]:
    events, old_events = int(EVENTS * scale), int(OLD_EVENTS * scale)
    with on_servers() as service, legs(service, "publish:fill", "consume:drain", "consume:one_at_a_time") as processes:
        fill, drain, old = processes
        service.execute(*KNOWN)
        figures = in_turns(
            ROUNDS,
            {
                "one at a time": after_filling(fill, old_events, service, lambda: old(old_events)),
                "consume": after_filling(fill, events, service, lambda: rate(drain)),
            },
        )
    measured = f"{per_second(figures['consume'])} against {per_second(figures['one at a time'])}"
    what = f"consume, {events:,} waiting events, against one at a time"
    return [Row(what, measured, ratio(figures["consume"], figures["one at a time"]), reach=50)]


def after_filling(fill: Leg, events: int, service: Service, measure: Callable[[], float]) -> Callable[[], float]:
    """Return `measure` preceded by publishing the events that it is to take."""

    def measure_it() -> float:
        fill(events)
        service.settle()
        return measure()

    return measure_it


def rate(drain: Leg) -> float:
    """Return how many events a second one consumer counts."""
    drained = drain()
    return drained["counted"] / (drained["end"] - drained["begin"])
