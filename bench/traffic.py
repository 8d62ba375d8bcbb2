"""The events that benchmarks publish: viewers alike, movies as popular as Zipf's law has it."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime

from uuid_utils import uuid7

VIEWERS = 20_000
MOVIES = 2_000
LONGEST_STRETCH = 60  # seconds between two reports of a player, about

# All viewers and movies, for measuring what a service does that has been running for a while.
KNOWN = (
    "INSERT INTO watchtime_customuser (username, password, is_superuser, first_name, last_name, email, is_staff, "
    "is_active, date_joined, total_watch_time) "
    "SELECT 'viewer-' || n, '!' || n, false, '', '', '', false, true, now(), 0 "
    f"FROM generate_series(0, {VIEWERS - 1}) n",
    "INSERT INTO watchtime_movie (title, slug, total_watch_time) "
    f"SELECT '', 'movie-' || n, 0 FROM generate_series(0, {MOVIES - 1}) n",
)


def messages(count: int) -> Iterator[bytes]:
    """Yield messages of new events, as an encoded WatchEvent has them."""
    movies = random.choices(range(MOVIES), [1 / (rank + 1) for rank in range(MOVIES)], k=count)
    occurred_at = datetime.now(UTC).isoformat()
    for movie in movies:
        start = random.randrange(7_000)
        yield json.dumps(
            {
                "user": f"viewer-{random.randrange(VIEWERS)}",
                "slug": f"movie-{movie}",
                "at": start + random.randint(1, LONGEST_STRETCH),
                "start": start,
                "id": str(uuid7()),
                "occurred_at": occurred_at,
            },
            separators=(",", ":"),
        ).encode()
