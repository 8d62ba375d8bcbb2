"""`prune_events` while consumers count the same events again, on PostgreSQL and RabbitMQ."""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests import services
from tests.factories import event
from tests.processes import environment, free_port, manage, manage_all, migrated_database, running, wait_for
from tests.queues import depths, handled, publish

pytestmark = pytest.mark.slow
EVENTS, REPEATS = 1_000, 3
BOUNDARY = datetime(2026, 1, 1, tzinfo=UTC)
PRUNE = ("prune_events", "--before", BOUNDARY.isoformat())


def test_nothing_is_counted_twice_while_it_is_pruned(rabbitmq_queue: str) -> None:
    events = [
        event(user=f"u{n % 7}", slug=f"m{n % 3}", at=n % 600, occurred_at=BOUNDARY + timedelta(minutes=n - EVENTS // 2))
        for n in range(EVENTS)
    ]
    conflicts = [one.model_copy(update={"at": one.at + 1}) for one in events[::100]]
    ports = [str(free_port()), str(free_port())]
    with migrated_database() as url, ExitStack() as stack:
        env = environment(
            DATABASE_URL=url, BROKER_URL=services.RABBITMQ_URL, BROKER_QUEUE=rabbitmq_queue, CONSUMER_BATCH_SIZE="50"
        )
        for port in ports:
            stack.enter_context(running({**env, "CONSUMER_PORT": port}, "consume"))
        publish(rabbitmq_queue, events)
        for _ in range(REPEATS):
            publish(rabbitmq_queue, [*events, *conflicts])
            manage(env, *PRUNE)
        published = EVENTS + REPEATS * (EVENTS + len(conflicts))
        wait_for(lambda: sum(map(handled, ports)) == published, 60, "all is counted or refused")
        assert depths(rabbitmq_queue) == (0, REPEATS * len(conflicts))
        manage_all(env, PRUNE, ["verify_totals"])
        with psycopg.connect(url) as connection:
            for table, sum_of in (("watchtime_movie", "total_watch_time"), ("watchtime_watchtime", "total")):
                total = connection.execute(f"SELECT sum({sum_of}) FROM {table}").fetchone()
                assert total == (sum(one.at for one in events),)
            kept = connection.execute("SELECT count(*), min(occurred_at) FROM watchtime_event").fetchone()
            assert kept == (EVENTS // 2, BOUNDARY)
            assert connection.execute("SELECT count(*) FROM watchtime_prunedkey").fetchone() == (EVENTS // 2,)
        manage_all(env, ["rebuild_totals"], ["verify_totals"])
