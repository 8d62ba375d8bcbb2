"""`consume` of messages of a hundred events against messages of one."""

from bench.drain import EVENTS, ROUNDS, after_filling, rate
from bench.leg import legs
from bench.report import Row, in_turns, per_second, ratio
from bench.service import on_servers
from bench.traffic import KNOWN


def run(scale: float) -> list[Row]:
    events = int(EVENTS * scale)
    functions = ("publish:fill", "publish:fill_in_hundreds", "consume:drain")
    with on_servers() as service, legs(service, *functions) as (fill, fill_in_hundreds, drain):
        service.execute(*KNOWN)
        figures = in_turns(
            ROUNDS,
            {
                "of one event": after_filling(fill, events, service, lambda: rate(drain)),
                "of a hundred": after_filling(fill_in_hundreds, events, service, lambda: rate(drain)),
            },
        )
    one, hundred = figures.values()
    measured = f"{per_second(hundred)} against {per_second(one)}"
    return [Row("consume, messages of a hundred events against one", measured, ratio(hundred, one), reach=1.5)]
