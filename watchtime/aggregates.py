"""What a list of ledger entries adds up to, in memory: the fold adds it to the tables, the rebuild stores it.

Every operation here is free of order, and exact.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Self
from uuid import UUID

from watchtime.coverage import cover, decode_coverage, encode_coverage, length
from watchtime.models import BLOCK_SECONDS, DAY_SECONDS, EPOCH, QUARTER_SECONDS

PairKey = tuple[int, int]  # the viewer's id and the movie's
Block = tuple[int, int]  # the movie's id and the number of the block
Period = tuple[int, int]  # the movie's id and the number of the period
QUARTERS_A_DAY = DAY_SECONDS // QUARTER_SECONDS


def period_of(time: datetime, seconds: int) -> int:
    """Return how many periods of so many seconds after 1970 the one that holds this time began, in UTC."""
    return int(time.timestamp() // seconds)


class Entry(NamedTuple):
    """What the ledger holds of an event; `start` and `at` in seconds into the movie."""

    user_id: int
    event_id: UUID
    movie_id: int
    start: int
    at: int
    positional: bool
    occurred_at: datetime


class Pair:
    """What one viewer watched of one movie.

    `latest` is (`occurred_at`, `event_id`, `at`) of the latest positional event, None without one;
    `watched_at` is when that was watched, or, without one, the latest of the others.
    """

    __slots__ = ("coverage", "last_moment", "latest", "total", "watched_at")
    COLUMNS = (
        "total",
        "last_moment",
        "unique_seconds",
        "coverage",
        "resume_moment",
        "watched_at",
        "latest_event",
        "watched_day",
    )

    def __init__(self) -> None:
        self.total = self.last_moment = 0
        self.coverage: list[int] = []
        self.latest: tuple[datetime, UUID, int] | None = None
        self.watched_at = EPOCH

    @classmethod
    def stored(cls, values: Iterable[Any]) -> Self:
        """Make a pair of its row: the values of COLUMNS."""
        pair = cls()
        pair.total, pair.last_moment, _, coverage, resume_moment, pair.watched_at, latest, _ = values
        pair.coverage = decode_coverage(coverage)
        pair.latest = None if latest is None else (pair.watched_at, latest, resume_moment)
        return pair

    def add(self, entry: Entry) -> None:
        """Add an event."""
        _, event_id, _, start, at, positional, occurred_at = entry
        self.total += at - start
        latest = None
        if positional:
            self.last_moment = max(self.last_moment, at)
            cover(self.coverage, start, at)
            latest = occurred_at, event_id, at
        self._see(occurred_at, latest)

    def merge(self, other: "Pair") -> list[int]:
        """Add what another pair adds up to; return the coverage that is new by it."""
        self.total += other.total
        self.last_moment = max(self.last_moment, other.last_moment)
        self._see(other.watched_at, other.latest)
        bounds = iter(other.coverage)
        return [bound for start, end in zip(bounds, bounds, strict=True) for bound in cover(self.coverage, start, end)]

    def _see(self, watched_at: datetime, latest: tuple[datetime, UUID, int] | None) -> None:
        if self.latest is None and latest is None:
            self.watched_at = max(self.watched_at, watched_at)
        elif self.latest is None or (latest is not None and latest > self.latest):
            self.latest, self.watched_at = latest, watched_at

    def row(self) -> tuple[Any, ...]:
        """Return the values of COLUMNS."""
        _, latest, resume_moment = self.latest or (None, None, 0)
        return (
            self.total,
            self.last_moment,
            length(self.coverage),
            encode_coverage(self.coverage),
            resume_moment,
            self.watched_at,
            latest,
            period_of(self.watched_at, DAY_SECONDS),
        )


class Curve:
    """By how much a number changes at moments of movies: the edges of stretches."""

    def __init__(self) -> None:
        self._edges: dict[tuple[int, int], int] = defaultdict(int)

    def add(self, movie_id: int, start: int, end: int) -> None:
        """Count one more from `start` on and before `end`."""
        self._edges[movie_id, start] += 1
        self._edges[movie_id, end] -= 1

    def add_edge(self, movie_id: int, moment: int, change: int) -> None:
        """Change the number at a moment and all that follow."""
        self._edges[movie_id, moment] += change

    def add_coverage(self, movie_id: int, coverage: Iterable[int]) -> None:
        """Count one more at each second of the coverage."""
        change = 1
        for bound in coverage:
            self._edges[movie_id, bound] += change
            change = -change

    def edges(self) -> Mapping[tuple[int, int], int]:
        """Return the changes that are not 0 by movie and moment."""
        return {key: change for key, change in self._edges.items() if change}

    def blocks(self) -> Mapping[Block, list[tuple[int, int]]]:
        """Return the same by block, each as a position in it and a number."""
        blocks: dict[Block, list[tuple[int, int]]] = defaultdict(list)
        for (movie_id, moment), change in self._edges.items():
            if change:
                blocks[movie_id, moment // BLOCK_SECONDS].append((moment % BLOCK_SECONDS, change))
        return blocks


class Aggregates:
    """What entries add up to by viewer, movie, pair, moment and period. The viewers' curve is the caller's."""

    def __init__(self) -> None:
        self.pairs: dict[PairKey, Pair] = defaultdict(Pair)
        self.views = Curve()
        self.quarters: dict[Period, tuple[int, int]] = {}

    def add(self, entry: Entry) -> None:
        """Add an event."""
        user_id, _, movie_id, start, at, positional, occurred_at = entry
        self.pairs[user_id, movie_id].add(entry)
        if positional:
            self.views.add(movie_id, start, at)
        quarter = movie_id, period_of(occurred_at, QUARTER_SECONDS)
        seconds, events = self.quarters.get(quarter, (0, 0))
        self.quarters[quarter] = seconds + at - start, events + 1

    def merge(self, other: "Aggregates") -> None:
        """Add what other events add up to."""
        for key, pair in other.pairs.items():
            self.pairs[key].merge(pair)
        for (movie_id, moment), change in other.views.edges().items():
            self.views.add_edge(movie_id, moment, change)
        for quarter, (seconds, events) in other.quarters.items():
            before = self.quarters.get(quarter, (0, 0))
            self.quarters[quarter] = before[0] + seconds, before[1] + events

    def days(self) -> Mapping[Period, tuple[int, int]]:
        """Return seconds and events by movie and day of UTC."""
        days: dict[Period, tuple[int, int]] = {}
        for (movie_id, quarter), (seconds, events) in self.quarters.items():
            day = movie_id, quarter // QUARTERS_A_DAY
            before = days.get(day, (0, 0))
            days[day] = before[0] + seconds, before[1] + events
        return days

    def totals(self, position: int) -> Mapping[int, int]:
        """Return seconds by the viewer's id (position 0) or by the movie's (position 1)."""
        totals: Counter[int] = Counter()
        for key, pair in self.pairs.items():
            totals[key[position]] += pair.total
        return totals
