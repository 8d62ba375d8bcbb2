"""`prune_events` while consumers count the same events again, on PostgreSQL and RabbitMQ."""

import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from tests import services
from tests.factories import event
from tests.processes import environment, manage, running, wait_for

pytestmark = pytest.mark.slow
EVENTS = 3_000
BOUNDARY = datetime(2026, 1, 1, tzinfo=UTC)


def test_nothing_is_counted_twice_while_it_is_pruned(rabbitmq_queue: str, tmp_path: Path) -> None:
    events = [
        event(user=f"u{n % 7}", slug=f"m{n % 3}", at=n % 600, occurred_at=BOUNDARY + timedelta(minutes=n - EVENTS // 2))
        for n in range(EVENTS)
    ]
    conflicts = [one.model_copy(update={"at": one.at + 1}) for one in events[::100]]
    first, again = tmp_path / "first.jsonl", tmp_path / "again.jsonl"
    first.write_bytes(b"\n".join(one.encode() for one in events))
    again.write_bytes(b"\n".join(one.encode() for one in [*events, *conflicts]))
    with services.own_database() as url, ExitStack() as stack:
        env = environment(
            DATABASE_URL=url, BROKER_URL=services.RABBITMQ_URL, BROKER_QUEUE=rabbitmq_queue, CONSUMER_BATCH_SIZE="50"
        )
        manage(env, "migrate")
        for _ in range(2):
            stack.enter_context(running(env, "consume"))
        manage(env, "publish_events", str(first))
        publishing = threading.Thread(target=lambda: [manage(env, "publish_events", str(again)) for _ in range(2)])
        publishing.start()
        while publishing.is_alive():
            manage(env, "prune_events", "--before", BOUNDARY.isoformat())
        publishing.join()
        wait_for(lambda: depths(rabbitmq_queue) == (0, 2 * len(conflicts)), 60, "all is counted or refused")
        manage(env, "prune_events", "--before", BOUNDARY.isoformat())
        manage(env, "verify_totals")
        with psycopg.connect(url) as connection:
            for table, sum_of in (("watchtime_movie", "total_watch_time"), ("watchtime_watchtime", "total")):
                total = connection.execute(f"SELECT sum({sum_of}) FROM {table}").fetchone()
                assert total == (sum(one.at for one in events),)
            kept = connection.execute("SELECT count(*), min(occurred_at) FROM watchtime_event").fetchone()
            assert kept == (EVENTS // 2, BOUNDARY)
            assert connection.execute("SELECT count(*) FROM watchtime_prunedkey").fetchone() == (EVENTS // 2,)
        manage(env, "rebuild_totals")
        manage(env, "verify_totals")


def depths(queue: str) -> tuple[int, int]:
    """Return what waits or is held in the queue, and in that of the dead letters."""
    with services.raw_channel() as channel:
        waiting, dead = (
            channel.queue_declare(name, passive=True).method.message_count
            for name in (queue, queue.replace(".events", ".dead"))
        )
    return waiting, dead
