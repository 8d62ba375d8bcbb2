"""A steady load over HTTP, and events of which it is watched how long they take to be visible in a total."""

import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
from uuid_utils import uuid7

from bench.traffic import STRETCH
from bench.web import exchange, post

PUBLISH = (
    "mutation ($events: [EventInput!]!) { publishEvents(events: $events) { acceptedCount userErrors { message } } }"
)
SENDERS = 16  # threads, each with a connection; more than ever wait for a confirm at these rates
SENT_TWICE = 0.02  # of the requests: what a client does that got no answer
LOOK_INTERVAL = 0.002  # seconds
GIVE_UP = 60.0  # seconds
VISIBLE = "SELECT username FROM watchtime_customuser WHERE username = ANY(%s) AND total_watch_time > 0"


def steady(port: int, rate: float, size: int, seconds: float, viewers: int, movies: int) -> dict[str, Any]:
    """Publish `rate` events a second, `size` a request. Return what was acknowledged, and what it adds up to.

    `late` is by how many seconds the last request was sent too late: more than a little says that
    the load was not reached. Raises RuntimeError when a request is not taken.
    """
    totals: dict[str, Counter[str]] = {"viewers": Counter(), "movies": Counter()}
    lock = threading.Lock()
    late = 0.0

    def send(connection: socket.socket, due: float) -> None:
        nonlocal late
        late = max(0.0, time.monotonic() - due)
        events = [_event(viewers, movies) for _ in range(size)]
        for _ in range(1 + (random.random() < SENT_TWICE)):
            _publish(connection, events)
        with lock:
            for event in events:
                watched = event["at"] - event["start"]
                totals["viewers"][event["user"]] += watched
                totals["movies"][event["slug"]] += watched

    requests = at_times(port, rate / size, seconds, send)
    return {**totals, "acknowledged": requests * size, "late": late}


def probe(port: int, database_url: str, rate: float, seconds: float) -> list[tuple[float, float]]:
    """Publish events of new viewers at a rate. Return when each was due and the seconds until its total was visible.

    Visible is what another connection reads from the database. In the order in which they were due.
    """
    waiting: dict[str, float] = {}
    seen: list[tuple[float, float]] = []
    done = threading.Event()

    def send(connection: socket.socket, due: float) -> None:
        viewer = f"probe-{uuid4().hex}"
        waiting[viewer] = due
        _publish(connection, [{"user": viewer, "slug": "probe", "at": 1, "start": 0}])

    def watch() -> None:
        deadline = None
        with psycopg.connect(database_url, autocommit=True, prepare_threshold=1) as connection:
            while waiting or not done.is_set():
                deadline = deadline or (time.monotonic() + GIVE_UP if done.is_set() else None)
                if deadline and time.monotonic() > deadline:
                    raise RuntimeError(f"{len(waiting)} events are not visible after {GIVE_UP:g} s")
                for (viewer,) in connection.execute(VISIBLE, [list(waiting)]).fetchall():
                    due = waiting.pop(viewer)
                    seen.append((due, time.monotonic() - due))
                time.sleep(LOOK_INTERVAL)

    with ThreadPoolExecutor(1) as pool:
        watcher = pool.submit(watch)
        try:
            at_times(port, rate, seconds, send)
        finally:
            done.set()
        watcher.result()
    return sorted(seen)


def at_times(port: int, rate: float, seconds: float, send: Callable[[socket.socket, float], None]) -> int:
    """Call `send` with a connection and the time when it is due, `rate` times a second; return how often.

    The times are fixed beforehand, at random within their part of a second: a service that is slow
    is not sent less, and nothing falls in step with the consumer's batches.
    """
    count, begin, lock = int(rate * seconds), time.monotonic(), threading.Lock()
    times: Iterator[float] = iter([begin + (number + random.random()) / rate for number in range(count)])

    def work() -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            while True:
                with lock:
                    due = next(times, None)
                if due is None:
                    return
                time.sleep(max(0.0, due - time.monotonic()))
                send(connection, due)

    with ThreadPoolExecutor(SENDERS) as pool:
        for sender in [pool.submit(work) for _ in range(SENDERS)]:
            sender.result()
    return count


def _event(viewers: int, movies: int) -> dict[str, Any]:
    start = random.randrange(5_000)
    return {
        "id": str(uuid7()),
        "user": f"viewer-{random.randrange(viewers)}",
        "slug": f"movie-{int(movies * random.random() ** 2)}",  # the first of ten has a third of the events
        "start": start,
        "at": start + random.randint(1, STRETCH),
    }


def _publish(connection: socket.socket, events: list[dict[str, Any]]) -> None:
    body = json.dumps({"query": PUBLISH, "variables": {"events": events}}).encode()
    answer = json.loads(exchange(connection, post("/graphql/", body)))
    if "errors" in answer or answer["data"]["publishEvents"]["acceptedCount"] != len(events):
        raise RuntimeError(answer)
