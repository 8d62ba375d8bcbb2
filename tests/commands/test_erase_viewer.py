"""`erase_viewer` on PostgreSQL and RabbitMQ: with consumers running, and events that wait, are replayed or repeated."""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests import services
from tests.factories import event
from tests.processes import environment, manage, migrated_database, running, wait_for
from tests.queues import depths, publish

pytestmark = pytest.mark.slow


def watched(url: str) -> dict[str, int]:
    with psycopg.connect(url) as connection:
        return dict(connection.execute("SELECT username, total_watch_time FROM watchtime_customuser").fetchall())


def test_no_old_event_brings_them_back(rabbitmq_queue: str) -> None:
    with migrated_database() as url, ExitStack() as stack:
        env = environment(
            DATABASE_URL=url, BROKER_URL=services.RABBITMQ_URL, BROKER_QUEUE=rabbitmq_queue, CONSUMER_BATCH_SIZE="50"
        )
        counted = [event(user=name, at=n) for n in range(200) for name in ("ada", "bert")]
        conflicts = [each.model_copy(update={"at": each.at + 1}) for each in counted[:6]]
        with running(env, "consume"):
            publish(rabbitmq_queue, [*counted, *conflicts])
            wait_for(lambda: depths(rabbitmq_queue) == (0, 6), 60, "all is counted or refused")
        soon = datetime.now(UTC) + timedelta(hours=1)  # of a clock that is ahead
        waiting = [event(user="ada", slug="dune", at=n, occurred_at=soon) for n in range(1, 100)]
        publish(rabbitmq_queue, waiting)
        manage(env, "erase_viewer", "ada")
        assert watched(url) == {"bert": sum(range(200))}
        stack.enter_context(running(env, "consume"))
        wait_for(lambda: depths(rabbitmq_queue)[0] == 0, 60, "what waited is handled")
        manage(env, "dead_letters", "replay")
        again = [*counted, *waiting]  # with their ids, as if they were of today
        publish(rabbitmq_queue, [each.model_copy(update={"occurred_at": datetime.now(UTC)}) for each in again])
        wait_for(lambda: depths(rabbitmq_queue) == (0, 3), 60, "what is not of ada is a conflict again, or a repeat")
        assert watched(url) == {"bert": sum(range(200))}
        publish(rabbitmq_queue, [event(user="ada", at=7, occurred_at=datetime.now(UTC))])
        wait_for(lambda: watched(url).get("ada") == 7, 60, "ada came back")
        manage(env, "verify_totals")
        with psycopg.connect(url) as connection:
            movies = dict(connection.execute("SELECT slug, total_watch_time FROM watchtime_movie").fetchall())
        assert movies == {"alien": sum(range(200)) + 7}


def test_erasing_again_and_again_while_events_come(rabbitmq_queue: str) -> None:
    with migrated_database() as url, ExitStack() as stack:
        env = environment(
            DATABASE_URL=url, BROKER_URL=services.RABBITMQ_URL, BROKER_QUEUE=rabbitmq_queue, CONSUMER_BATCH_SIZE="20"
        )
        for _ in range(2):
            stack.enter_context(running(env, "consume"))
        others = [event(user="bert", at=n % 50) for n in range(2_000)]
        theirs = [event(user="ada", slug=f"m{n % 3}", at=9, occurred_at=datetime.now(UTC)) for n in range(2_000)]
        mixed = [each for pair in zip(others, theirs, strict=True) for each in pair]
        for start in range(0, len(mixed), 1_500):
            publish(rabbitmq_queue, mixed[start : start + 1_500])
            manage(env, "erase_viewer", "ada", check=False)  # an error, where no event of theirs has come yet
        wait_for(lambda: watched(url).get("bert") == sum(each.at for each in others), 60, "all of bert is counted")
        wait_for(lambda: depths(rabbitmq_queue) == (0, 0), 60, "all of ada is handled")
        manage(env, "verify_totals")
