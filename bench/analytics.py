"""The fold with all its analytics against a fold of the totals alone."""

from bench.leg import legs
from bench.report import Row, in_turns, per_second, ratio
from bench.service import on_servers
from bench.traffic import KNOWN

EVENTS = 50_000
ROUNDS = 5


def run(scale: float) -> list[Row]:
    events = int(EVENTS * scale)
    functions = ("consume:fold_from_memory", "consume:fold_totals_alone")
    with on_servers() as service, legs(service, *functions) as (whole, totals):
        service.execute(*KNOWN)
        figures = in_turns(ROUNDS, {"with": lambda: whole(events), "totals alone": lambda: totals(events)})
    measured = f"{per_second(figures['with'])} against {per_second(figures['totals alone'])}"
    what = f"folding {events:,} events with the analytics, against the totals alone"
    return [Row(what, measured, ratio(figures["with"], figures["totals alone"]), reach=0.6)]
