"""Two consumers of one queue against one, over movies of which a few are hot."""

from bench.drain import EVENTS, ROUNDS, after_filling, rate
from bench.leg import Leg, legs
from bench.report import Row, in_turns, per_second, ratio
from bench.service import on_servers
from bench.traffic import KNOWN


def run(scale: float) -> list[Row]:
    events = int(EVENTS * scale)
    with on_servers() as service, legs(service, "publish:fill", "consume:drain", "consume:drain") as processes:
        fill, one, other = processes
        service.execute(*KNOWN)
        figures = in_turns(
            ROUNDS,
            {
                "one consumer": after_filling(fill, events, service, lambda: rate(one)),
                "two consumers": after_filling(fill, events, service, lambda: rate_of_two(one, other)),
            },
        )
        service.manage("verify_totals")  # fast and wrong would not count
    alone, both = figures.values()
    return [
        Row("two consumers against one", f"{per_second(both)} against {per_second(alone)}", ratio(both, alone), 1.2)
    ]


def rate_of_two(one: Leg, other: Leg) -> float:
    """Return how many events a second both count, until the later one has nothing left."""
    for leg in (one, other):
        leg.start()
    results = [leg.result() for leg in (one, other)]
    elapsed = max(result["end"] for result in results) - min(result["begin"] for result in results)
    return sum(result["counted"] for result in results) / elapsed
