"""The totals by an independent reading: of the input by itself, and of the tables in plain SQL."""

import gzip
import json
import sqlite3
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg

Totals = dict[str, dict[Any, Any]]


def totals_of_file(path: Path) -> Totals:
    """Read the input line by line: each id once, its seconds for the viewer, the movie and the pair."""
    seen: set[str] = set()
    viewers: dict[str, int] = defaultdict(int)
    movies: dict[str, int] = defaultdict(int)
    pairs: dict[tuple[str, str], tuple[int, int]] = {}
    with gzip.open(path) as lines:
        for line in lines:
            event = json.loads(line)
            if event["id"] in seen:
                continue
            seen.add(event["id"])
            watched = event["at"] - event["start"]
            viewers[event["user"]] += watched
            movies[event["slug"]] += watched
            pair = event["user"], event["slug"]
            total, last_moment = pairs.get(pair, (0, 0))
            pairs[pair] = total + watched, max(last_moment, event["at"])
    return {"viewers": dict(viewers), "movies": dict(movies), "pairs": pairs, "events": {"count": len(seen)}}


def times_of_file(path: Path) -> dict[str, datetime]:
    """Read when each id was watched; its lines all say the same."""
    times: dict[str, datetime] = {}
    with gzip.open(path) as lines:
        for event in map(json.loads, lines):
            time = datetime.fromisoformat(event["occurred_at"])
            assert times.setdefault(event["id"], time) == time
    return times


def times_of_tables(url: str) -> dict[str, datetime]:
    """Read when each event of the ledger was watched."""
    rows = query(url, "SELECT event_id, occurred_at FROM watchtime_event")
    times = ((UUID(str(event_id)), datetime.fromisoformat(str(time))) for event_id, time in rows)
    return {str(event_id): time.replace(tzinfo=time.tzinfo or UTC) for event_id, time in times}


def totals_of_tables(url: str) -> Totals:
    """Read what the service stored."""
    pairs = query(
        url,
        "SELECT username, slug, total, last_moment FROM watchtime_watchtime "
        "JOIN watchtime_customuser ON watchtime_customuser.id = user_id "
        "JOIN watchtime_movie ON watchtime_movie.id = movie_id",
    )
    return {
        "viewers": dict(query(url, "SELECT username, total_watch_time FROM watchtime_customuser")),
        "movies": dict(query(url, "SELECT slug, total_watch_time FROM watchtime_movie")),
        "pairs": {(user, slug): (total, last) for user, slug, total, last in pairs},
        "events": {"count": count(url, "watchtime_event")},
    }


def count(url: str, table: str) -> int:
    return int(query(url, f"SELECT COUNT(*) FROM {table}")[0][0])


def query(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Run a query past Django. `url` is a DATABASE_URL."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(urlsplit(url).path.removeprefix("/"), timeout=20)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()
    with psycopg.connect(url) as server:
        return server.execute(sql).fetchall()
