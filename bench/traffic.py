"""The events that benchmarks publish: all viewers equally active, the popularity of movies by Zipf's law."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime

from uuid_utils import uuid7

VIEWERS = 20_000
MOVIES = 2_000
WATCHING = 20_000
STRETCH = 30  # seconds between two reports of a player, at most

# All viewers and movies, for measuring what a service does that has been running for a while.
KNOWN = (
    f"INSERT INTO watchtime_customuser (username) SELECT 'viewer-' || n FROM generate_series(0, {VIEWERS - 1}) n",
    f"INSERT INTO watchtime_movie (slug) SELECT 'movie-' || n FROM generate_series(0, {MOVIES - 1}) n",
)


def messages(count: int) -> Iterator[bytes]:
    """Yield messages of new events, as an encoded WatchEvent has them.

    They are the reports of so many people who watch at the same time, each going on where their last one ended.
    """
    movies = random.choices(range(MOVIES), [1 / (rank + 1) for rank in range(MOVIES)], k=WATCHING)
    watching = [[random.randrange(VIEWERS), movie, random.randrange(5_000)] for movie in movies]
    occurred_at = datetime.now(UTC).isoformat()
    for _ in range(count):
        watcher = random.choice(watching)
        viewer, movie, start = watcher
        watcher[2] = at = start + random.randint(1, STRETCH)
        event = {"user": f"viewer-{viewer}", "slug": f"movie-{movie}", "at": at, "start": start, "id": str(uuid7())}
        yield json.dumps({**event, "occurred_at": occurred_at}, separators=(",", ":")).encode()
