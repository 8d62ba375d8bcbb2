"""The judge: what was acknowledged to the clients, by their own logs, against the three totals.

Reads the tables of the totals and never the ledger, with no code of the service's.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.faults.clients import EVENTS_A_PAIR, Published

PAIRS = """
    SELECT username, slug, pair.total, pair.last_moment
    FROM watchtime_watchtime pair
    JOIN watchtime_customuser viewer ON viewer.id = pair.user_id
    JOIN watchtime_movie movie ON movie.id = pair.movie_id
"""
VIEWERS = "SELECT username, total_watch_time FROM watchtime_customuser"
MOVIES = "SELECT slug, total_watch_time FROM watchtime_movie"


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
    """Compare events with the totals in the database of this URL."""
    with psycopg.connect(database) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # one moment for all three
        pairs = {(user, slug): numbers for user, slug, *numbers in connection.execute(PAIRS)}
        viewers = dict(connection.execute(VIEWERS).fetchall())
        movies = dict(connection.execute(MOVIES).fetchall())
    verdict = Verdict()
    expected_viewers: Counter[str] = Counter()
    expected_movies: Counter[str] = Counter()
    for (user, slug), published in _by_pair(events).items():
        _judge_pair(verdict, published, *pairs.pop((user, slug), (0, 0)))
        watched = sum(event.at - event.start for event in published)
        expected_viewers[user] += watched
        expected_movies[slug] += watched
    verdict.different += [f"nobody published what {pair} has: {numbers}" for pair, numbers in pairs.items()]
    verdict.different += _differences("viewer", expected_viewers, viewers)
    verdict.different += _differences("movie", expected_movies, movies)
    return verdict


def _by_pair(events: Iterable[Published]) -> dict[tuple[str, str], list[Published]]:
    pairs: dict[tuple[str, str], list[Published]] = {}
    for event in events:
        pairs.setdefault((event.user, event.slug), []).append(event)
    return pairs


def _judge_pair(verdict: Verdict, published: list[Published], total: int, last_moment: int) -> None:
    verdict.acknowledged += len(published)
    times = [total // 4**digit % 4 for digit in range(EVENTS_A_PAIR)]
    for event in published:
        counted = times[(event.at - event.start).bit_length() // 2]
        if counted != 1:
            (verdict.doubled if counted else verdict.lost).append(event)
    pair = f"{published[0].user} / {published[0].slug}"
    if total != (watched := sum(event.at - event.start for event in published)):
        verdict.different.append(f"pair {pair}: {total} seconds and not {watched}")
    if last_moment != (reached := max(event.at for event in published)):
        verdict.different.append(f"pair {pair}: last moment {last_moment} and not {reached}")


def _differences(kind: str, expected: "Counter[str]", stored: dict[str, int]) -> list[str]:
    return [
        f"{kind} {name}: {stored.get(name, 0)} seconds and not {expected[name]}"
        for name in sorted(expected.keys() | stored.keys())
        if expected[name] != stored.get(name, 0)
    ]
