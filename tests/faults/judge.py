"""The judge: what was acknowledged to the clients, by their own logs, against the three totals and the analytics.

Reads the tables of these and never the ledger, with no code of the service's.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.faults.clients import EVENTS_A_PAIR, Published

PAIRS = """
    SELECT username, slug, pair.total, pair.last_moment, pair.unique_seconds
    FROM watchtime_watchtime pair
    JOIN watchtime_customuser viewer ON viewer.id = pair.user_id
    JOIN watchtime_movie movie ON movie.id = pair.movie_id
"""
VIEWERS = "SELECT username, total_watch_time FROM watchtime_customuser"
MOVIES = "SELECT slug, total_watch_time FROM watchtime_movie"
PERIODS = """
    SELECT slug, SUM(seconds)::bigint, SUM(events)::bigint FROM {table} period
    JOIN watchtime_movie movie ON movie.id = period.movie_id GROUP BY slug
"""
BLOCKS = (
    "SELECT slug, block, views, viewers FROM watchtime_movieblock JOIN watchtime_movie movie ON movie.id = movie_id"
)
BLOCK = 128  # seconds


@dataclass
class Verdict:
    """What the totals say about the events that were acknowledged."""

    acknowledged: int = 0
    lost: list[Published] = field(default_factory=list)
    doubled: list[Published] = field(default_factory=list)
    different: list[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        return not (self.lost or self.doubled or self.different)

    def __str__(self) -> str:
        found = [f"lost {event}" for event in self.lost] + [f"counted twice {event}" for event in self.doubled]
        found += self.different
        return f"{self.acknowledged} acknowledged, {len(found)} wrong: " + "; ".join(found[:10])


def read_logs(directory: Path) -> list[Published]:
    """Return every event that a client noted as acknowledged."""
    return [
        Published.read(line)
        for log in sorted(directory.glob("*.log"))
        for line in log.read_text().splitlines(keepends=True)
        if line.endswith("\n")
    ]


def judge(events: Iterable[Published], database: str) -> Verdict:
    """Compare events with the totals and the analytics in the database of this URL."""
    with psycopg.connect(database) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # one moment for all
        pairs = {(user, slug): numbers for user, slug, *numbers in connection.execute(PAIRS)}
        viewers = dict(connection.execute(VIEWERS).fetchall())
        movies = dict(connection.execute(MOVIES).fetchall())
        periods = [
            {slug: tuple(numbers) for slug, *numbers in connection.execute(PERIODS.format(table=table))}
            for table in ("watchtime_moviequarter", "watchtime_movieday")
        ]
        curves = _seconds_under_curves(connection)
    verdict = Verdict()
    expected_viewers: Counter[str] = Counter()
    expected_movies: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    unique: Counter[str] = Counter()
    for (user, slug), published in _by_pair(events).items():
        seen = _seconds_seen(published)
        _judge_pair(verdict, published, seen, *pairs.pop((user, slug), (0, 0, 0)))
        watched = sum(event.at - event.start for event in published)
        expected_viewers[user] += watched
        expected_movies[slug] += watched
        counted[slug] += len(published)
        unique[slug] += seen
    verdict.different += [f"nobody published what {pair} has: {numbers}" for pair, numbers in pairs.items()]
    verdict.different += _differences("viewer", expected_viewers, viewers)
    verdict.different += _differences("movie", expected_movies, movies)
    of_periods = {slug: (expected_movies[slug], counted[slug]) for slug in counted}
    verdict.different += [f"periods: {stored} and not {of_periods}" for stored in periods if stored != of_periods]
    under_curves = {slug: (expected_movies[slug], unique[slug]) for slug in counted}
    verdict.different += [f"curves: {curves} and not {under_curves}"] * (curves != under_curves)
    return verdict


def _seconds_under_curves(connection: "psycopg.Connection[Any]") -> dict[str, tuple[int, int]]:
    """Return the sums of each movie's views and viewers over its seconds, from where they change and by how much."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for slug, block, *stored in connection.execute(BLOCKS):
        for curve, numbers in enumerate(stored):
            changes = array(numbers[:1].decode() or "b", numbers[1:])
            sums[slug][curve] -= sum((block * BLOCK + place) * change for place, change in enumerate(changes))
    return {slug: (views, viewers) for slug, (views, viewers) in sums.items()}


def _seconds_seen(events: Iterable[Published]) -> int:
    """Return how many different seconds the events of a pair cover."""
    seen, end = 0, 0
    for start, at in sorted((event.start, event.at) for event in events):
        seen += max(0, at - max(start, end))
        end = max(end, at)
    return seen


def _by_pair(events: Iterable[Published]) -> dict[tuple[str, str], list[Published]]:
    pairs: dict[tuple[str, str], list[Published]] = {}
    for event in events:
        pairs.setdefault((event.user, event.slug), []).append(event)
    return pairs


def _judge_pair(
    verdict: Verdict, published: list[Published], seen: int, total: int, last_moment: int, unique: int
) -> None:
    verdict.acknowledged += len(published)
    times = [total // 4**digit % 4 for digit in range(EVENTS_A_PAIR)]
    for event in published:
        counted = times[(event.at - event.start).bit_length() // 2]
        if counted != 1:
            (verdict.doubled if counted else verdict.lost).append(event)
    pair = f"{published[0].user} / {published[0].slug}"
    if total != (watched := sum(event.at - event.start for event in published)):
        verdict.different.append(f"pair {pair}: {total} seconds and not {watched}")
    if unique != seen:
        verdict.different.append(f"pair {pair}: {unique} unique seconds and not {seen}")
    if last_moment != (reached := max(event.at for event in published)):
        verdict.different.append(f"pair {pair}: last moment {last_moment} and not {reached}")


def _differences(kind: str, expected: "Counter[str]", stored: dict[str, int]) -> list[str]:
    return [
        f"{kind} {name}: {stored.get(name, 0)} seconds and not {expected[name]}"
        for name in sorted(expected.keys() | stored.keys())
        if expected[name] != stored.get(name, 0)
    ]
