"""Consuming: as the service does it, its two halves alone, and the baseline of one message at a time."""

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unittest import mock

import pika
from django.conf import settings
from django.db import transaction
from pika.adapters.select_connection import SelectConnection

from bench.traffic import messages
from broker import Subscription, default_broker
from broker.consumer import PREFETCH_BATCHES
from watchtime import fold as folding
from watchtime.aggregates import Entry
from watchtime.events import WatchEvent
from watchtime.fold import fold
from watchtime.ingest import IngestHandler
from watchtime.models import CustomUser, Movie, WatchTime
from watchtime.postgresql.base import DatabaseWrapper
from watchtime.processes import collect_garbage_less
from watchtime.rows import execute

IDLE = 1.0  # seconds without a delivery: the queue is drained
PAGE = os.sysconf("SC_PAGE_SIZE")


def drain(mark: int = 0) -> dict[str, Any]:
    """Consume what waits. Returns how many were counted, and the monotonic times of begin and of the last batch.

    Also the resident memory, in bytes, when `mark` events were counted and at the end.
    """
    _settle()
    ingest, stop, begin = IngestHandler(), threading.Event(), time.monotonic()
    last, done, marked = begin, 0, 0

    def report(_subscription: Subscription) -> None:
        nonlocal last, done, marked
        if ingest.counted > done:
            last, done = time.monotonic(), ingest.counted
            marked = marked or (_resident() if mark and done >= mark else 0)
        elif time.monotonic() > last + IDLE:
            stop.set()

    default_broker().consume_and_save(
        ingest,
        batch_size=settings.CONSUMER_BATCH_SIZE,
        linger=settings.CONSUMER_LINGER_MS / 1000,
        stop=stop,
        report=report,
    )
    return {"counted": done, "begin": begin, "end": last, "marked": marked, "resident": _resident()}


def _settle() -> None:
    """Set what `manage.py consume` sets for the process."""
    DatabaseWrapper.statement_timeout = settings.DATABASE_TIMEOUT
    collect_garbage_less()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def fold_from_memory(count: int) -> float:
    """Return how many decoded events a second are folded."""
    _settle()
    events = [WatchEvent.decode(message) for message in messages(count)]
    size = settings.CONSUMER_BATCH_SIZE
    begin = time.monotonic()
    for position in range(0, count, size):
        fold(events[position : position + size])
    return count / (time.monotonic() - begin)


def fold_totals_alone(count: int) -> float:
    """Return how many decoded events a second are folded when only the totals and last moments are kept."""
    with mock.patch.object(folding, "_add", _add_totals):
        return fold_from_memory(count)


def _add_totals(entries: Iterable[Entry]) -> None:
    pairs: dict[tuple[int, int], tuple[int, int]] = {}
    totals: tuple[Counter[int], Counter[int]] = Counter(), Counter()
    for entry in entries:
        watched, pair = entry.at - entry.start, (entry.user_id, entry.movie_id)
        total, reached = pairs.get(pair, (0, 0))
        pairs[pair] = total + watched, max(reached, entry.at)
        totals[0][entry.user_id] += watched
        totals[1][entry.movie_id] += watched
    execute(
        """
        INSERT INTO watchtime_watchtime AS stored (user_id, movie_id, total, last_moment, unique_seconds, coverage,
                                                   resume_moment, watched_at, watched_day)
        SELECT user_id, movie_id, total, last_moment, 0, '', 0, now(), 0 FROM {rows} WHERE true
        ON CONFLICT (user_id, movie_id) DO UPDATE SET
            total = stored.total + excluded.total, last_moment = greatest(stored.last_moment, excluded.last_moment)
        """,
        WatchTime,
        ["user_id", "movie_id", "total", "last_moment"],
        [(*pair, *pairs[pair]) for pair in sorted(pairs)],
    )
    folding.add_to_total(CustomUser, totals[0])
    folding.add_to_total(Movie, totals[1])


def receive_only(count: int) -> float:
    """Return how many messages a second plain pika takes in, acknowledged a batch at a time."""
    size = settings.CONSUMER_BATCH_SIZE
    received = 0
    begin = time.monotonic()

    def on_message(channel: Any, method: Any, _properties: Any, _body: bytes) -> None:
        nonlocal received
        received += 1
        if received % size == 0 or received == count:
            channel.basic_ack(method.delivery_tag, multiple=True)
        if received == count:
            channel.connection.close()

    def on_channel(channel: Any) -> None:
        channel.basic_qos(prefetch_count=PREFETCH_BATCHES * size)
        channel.basic_consume(settings.BROKER_QUEUE, on_message)

    connection = SelectConnection(
        pika.URLParameters(settings.BROKER_URL),
        on_open_callback=lambda opened: opened.channel(on_open_callback=on_channel),
        on_close_callback=lambda closed, _reason: closed.ioloop.stop(),
    )
    connection.ioloop.start()
    return count / (time.monotonic() - begin)


def one_at_a_time(count: int) -> float:
    """Return how many events a second are counted as the old service did: one message, one transaction."""
    with pika.BlockingConnection(pika.URLParameters(settings.BROKER_URL)) as connection:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=100)
        begin = time.monotonic()
        for received, (method, _properties, body) in enumerate(channel.consume(settings.BROKER_QUEUE), 1):
            _count_one(json.loads(body))
            channel.basic_ack(method.delivery_tag)
            if received == count:
                break
        elapsed = time.monotonic() - begin
    return count / elapsed


def _count_one(event: dict[str, Any]) -> None:
    with transaction.atomic():
        user, _ = CustomUser.objects.get_or_create(username=event["user"])
        movie, _ = Movie.objects.get_or_create(slug=event["slug"])
        pair, _ = WatchTime.objects.get_or_create(user=user, movie=movie, defaults={"last_moment": 0, "total": 0})
        pair.last_moment = max(pair.last_moment, event["at"])
        pair.total += event["at"] - event["start"]
        pair.save()
