"""`consume` against the slower of its halves: receiving alone, and folding alone."""

from bench.drain import EVENTS, ROUNDS, after_filling, rate
from bench.leg import legs
from bench.report import Row, in_turns, per_second, ratio
from bench.service import on_servers
from bench.traffic import KNOWN


def run(scale: float) -> list[Row]:
    events = int(EVENTS * scale)
    functions = ("publish:fill", "consume:drain", "consume:receive_only", "consume:fold_from_memory")
    with on_servers() as service, legs(service, *functions) as (fill, drain, receive, fold):
        service.execute(*KNOWN)
        figures = in_turns(
            ROUNDS,
            {
                "receiving alone": after_filling(fill, events, service, lambda: receive(events)),
                "folding alone": lambda: fold(events),
                "consume": after_filling(fill, events, service, lambda: rate(drain)),
            },
        )
    slower = [min(pair) for pair in zip(figures["receiving alone"], figures["folding alone"], strict=True)]
    measured = ", ".join(f"{name} {per_second(values)}" for name, values in figures.items())
    return [Row("consume against the slower of its halves", measured, ratio(figures["consume"], slower), reach=0.6)]
