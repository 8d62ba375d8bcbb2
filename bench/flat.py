"""The reads of a movie with a million events against those of one with a thousand: they shall take as long."""

import statistics

from bench.leg import Leg, legs
from bench.report import Row, progress
from bench.service import Service, on_servers

FEW, MANY = 1_000, 1_000_000
VIEWERS = 20_000
READS = 20
ROUNDS = 15
KINDS = ("retention", "days", "hours", "uneven")
SPREAD = "'2026-01-01Z'::timestamptz + n * interval '1 year' / "  # the events of each movie, over a year


def run(scale: float) -> list[Row]:
    many = max(100 * FEW, int(MANY * scale))
    with on_servers() as service:
        fill(service, {"few": FEW, "many": many})
        with legs(service, "reads:latencies") as (leg,):
            return [compare(leg, kind, many) for kind in KINDS]


def fill(service: Service, sizes: dict[str, int]) -> None:
    """Store so many events of each movie, by so many viewers, and what the fold makes of them."""
    service.execute(
        f"INSERT INTO watchtime_customuser (id, username) SELECT n, 'viewer-' || n FROM generate_series(1, {VIEWERS}) n"
    )
    for pk, (slug, events) in enumerate(sizes.items(), 1):
        service.execute(
            f"INSERT INTO watchtime_movie (id, slug) VALUES ({pk}, '{slug}')",
            "INSERT INTO watchtime_event (event_id, user_id, movie_id, start, at, positional, occurred_at, received_at)"
            f" SELECT gen_random_uuid(), 1 + n % {VIEWERS}, {pk}, n % 7000, n % 7000 + 30, true, {SPREAD}{events},"
            f" now() FROM generate_series(0, {events - 1}) n",
            "INSERT INTO watchtime_movieblock (movie_id, block, views, viewers) SELECT "
            f"{pk}, n, decode('62' || repeat('01', 128), 'hex'), decode('62' || repeat('01', 128), 'hex') "
            "FROM generate_series(0, 54) n",
        )
    for table, seconds in (("moviequarter", 900), ("movieday", 86_400)):
        service.execute(
            f"INSERT INTO watchtime_{table} (movie_id, period, seconds, events) SELECT movie_id, "
            f"extract(epoch FROM occurred_at)::bigint / {seconds}, SUM(at - start), COUNT(*) "
            "FROM watchtime_event GROUP BY 1, 2"
        )
    service.settle()


def compare(leg: Leg, kind: str, many: int) -> Row:
    figures: dict[str, list[float]] = {"few": [], "many": []}
    for _ in range(ROUNDS):
        for slug, latencies in figures.items():
            latencies += leg(kind, slug, READS)
    few, lots = (statistics.median(latencies) for latencies in figures.values())
    progress(f"{kind}: {few * 1e6:.0f} µs, {lots * 1e6:.0f} µs")
    measured = f"{lots * 1e6:.0f} µs with {many:,} events, {few * 1e6:.0f} with {FEW:,}"
    return Row(f"a movie's {kind}, median latency", measured, lots / few, reach=1.5, at_most=True)
