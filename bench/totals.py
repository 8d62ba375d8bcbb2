"""The latency of the three totals with a million viewer-movie totals, against that with a thousand."""

import statistics

from bench.leg import Leg, legs
from bench.report import Row, progress
from bench.service import Service, on_servers

FEW, MANY = 1_000, 1_000_000
READS = 200
ROUNDS = 20
PAIRS = (
    "INSERT INTO watchtime_watchtime (user_id, movie_id, total, last_moment, unique_seconds, coverage, resume_moment, "
    "watched_at, watched_day)"
)
WATCHED = "n, 60, 0, '', 0, now(), 0"
KINDS = ("user_total", "movie_total", "user_movie_total")


def run(scale: float) -> list[Row]:
    many = max(100 * FEW, int(MANY * scale))
    with on_servers() as small, on_servers() as large:
        for service, pairs in ((small, FEW), (large, many)):
            fill(service, pairs)
        with legs(small, "totals:latencies") as (low,), legs(large, "totals:latencies") as (high,):
            return [compare(low, high, kind, many) for kind in KINDS]


def fill(service: Service, pairs: int) -> None:
    """Store that many pairs: a fifth of them of movie 0, half a percent of viewer 0, the rest spread evenly."""
    viewers, movies = pairs // 5, pairs // 200
    service.execute(
        "INSERT INTO watchtime_customuser (id, username, total_watch_time) "
        f"SELECT n, 'viewer-' || n, n FROM generate_series(0, {viewers - 1}) n",
        "INSERT INTO watchtime_movie (id, slug, total_watch_time) "
        f"SELECT n, 'movie-' || n, n FROM generate_series(0, {movies - 1}) n",
        f"{PAIRS} SELECT n, 0, {WATCHED} FROM generate_series(0, {viewers - 1}) n",
        f"{PAIRS} SELECT 0, n, {WATCHED} FROM generate_series(1, {movies - 1}) n",
        # 1231 is prime to the number of the other movies, so these four are different ones.
        f"{PAIRS} SELECT n, 1 + (n * 7 + turn * 1231) % {movies - 1}, {WATCHED} "
        f"FROM generate_series(0, 3) turn, generate_series(1, {viewers - 1}) n "
        f"LIMIT {pairs - viewers - movies + 1}",
    )
    service.settle()


def compare(low: Leg, high: Leg, kind: str, many: int) -> Row:
    figures: dict[Leg, list[float]] = {low: [], high: []}
    for _ in range(ROUNDS):
        for leg in figures:
            figures[leg] += leg(kind, READS)
    few, lots = (statistics.median(latencies) for latencies in figures.values())
    progress(f"{kind}: {few * 1e6:.0f} µs, {lots * 1e6:.0f} µs")
    measured = f"{lots * 1e6:.0f} µs with {many:,} pairs, {few * 1e6:.0f} with {FEW:,}"
    return Row(f"{kind}, median latency", measured, lots / few, reach=1.2, at_most=True)
