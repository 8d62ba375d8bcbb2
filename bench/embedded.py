"""The embedded queue on SQLite: what the service does with nothing installed, and another checkout beside it."""

from pathlib import Path

from bench.drain import rate
from bench.leg import Leg, legs
from bench.report import Row, in_turns, per_second, ratio
from bench.service import embedded

EVENTS = 50_000
SECONDS = 3
THREADS = 16
ROUNDS = 3


def run(scale: float, against: Path | None = None) -> list[Row]:
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
    rows = [Row(f"SQLite and the embedded queue, {name}", per_second(values)) for name, values in figures.items()]
    return rows if against is None else [*rows, _against(against, events)]


def _against(root: Path, events: int) -> Row:
    """Compare what is consumed a second, of the same number of events, with another checkout."""
    functions = ("publish:fill", "consume:drain")
    with (
        embedded() as here,
        embedded(root.resolve()) as there,
        legs(here, *functions) as (fill, drain),
        legs(there, *functions) as (other_fill, other_drain),
    ):
        figures = in_turns(
            ROUNDS,
            {
                "that checkout": lambda: fill_and_drain(other_fill, other_drain, events),
                "this one": lambda: fill_and_drain(fill, drain, events),
            },
        )
    that, this = figures.values()
    what = f"SQLite and the embedded queue, consume against {root.name}"
    return Row(what, f"{per_second(this)} against {per_second(that)}", ratio(this, that), reach=1)


def fill_and_drain(fill: Leg, drain: Leg, events: int) -> float:
    fill(events)
    return rate(drain)
