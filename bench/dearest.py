"""The dearest operations that pass the limits, against a simple total, in one process of the service.

Each kind is as large as the limits let it be, so this stays true when they change. Documents are
new to the service each time; the total's is known. Both are timed in turns.
"""

import statistics

from bench.leg import legs
from bench.report import Row, progress
from bench.service import embedded, on_servers
from bench.totals import fill

PAIRS = 1_000_000
ROUNDS = 5


def run(scale: float) -> list[Row]:
    """Measure every kind on PostgreSQL with a million pairs and RabbitMQ, and on SQLite with the embedded queue."""
    rows = []
    with on_servers() as service:
        fill(service, max(10_000, int(PAIRS * scale)))
        with legs(service, "dearest:ratios") as (ratios,):
            rows += [_row(f"{kind}: PostgreSQL", *figures) for kind, figures in ratios(ROUNDS).items()]
    with embedded() as service, legs(service, "dearest:fill", "dearest:ratios") as (make, ratios):
        make()
        rows += [_row(f"{kind}: SQLite", *figures) for kind, figures in ratios(ROUNDS).items()]
    return rows


def _row(kind: str, seconds: list[float], simple: list[float]) -> Row:
    dear, total = statistics.median(seconds), statistics.median(simple)
    progress(f"{kind}: {dear * 1e3:.1f} ms")
    return Row(kind, f"{dear * 1e3:.1f} ms against {total * 1e3:.2f}", dear / total, reach=100, at_most=True)
