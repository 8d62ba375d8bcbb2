"""Threads that publish single events, each waiting for its confirm, against one confirm at a time."""

from bench.leg import legs
from bench.report import Row, in_turns, per_second, ratio
from bench.service import on_servers

THREADS = 64
SECONDS = 5
ROUNDS = 5


def run(scale: float) -> list[Row]:
    seconds = max(1, SECONDS * scale)
    functions = ("publish:one_confirm_at_a_time", "publish:from_threads", "publish:fill")
    with on_servers() as service, legs(service, *functions) as (alone, threads, fill):
        fill(1)  # declares the queue
        figures = in_turns(
            ROUNDS,
            {
                "one at a time": lambda: alone(seconds),
                f"{THREADS} threads": lambda: threads(THREADS, seconds),
            },
        )
    one, many = figures.values()
    measured = f"{per_second(many)} against {per_second(one)}"
    return [Row(f"{THREADS} publishing threads against one confirm at a time", measured, ratio(many, one), reach=8)]
