"""The embedded queue on SQLite: what the service does with nothing installed."""

from bench.drain import rate
from bench.leg import legs
from bench.report import Row, in_turns, per_second
from bench.service import embedded

EVENTS = 50_000
SECONDS = 3
THREADS = 16
ROUNDS = 3


def run(scale: float) -> list[Row]:
    events, seconds = int(EVENTS * scale), max(1, SECONDS * scale)
    functions = ("publish:fill", "publish:from_threads", "consume:drain")
    with embedded() as service, legs(service, *functions) as (fill, threads, drain):
        figures = in_turns(
            ROUNDS,
            {
                "publishing batches": lambda: fill(events),
                f"publishing from {THREADS} threads": lambda: threads(THREADS, seconds),
                "consume": lambda: rate(drain),
            },
        )
    return [Row(f"SQLite and the embedded queue, {name}", per_second(values)) for name, values in figures.items()]
