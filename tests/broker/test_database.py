"""What is the embedded queue's own: leases, deadlines, indexes, and how seldom it looks when idle."""

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from broker import BrokerUnavailable, NothingStored, open_broker
from broker.database import DatabaseBroker
from broker.group_commit import GroupCommit
from broker.models import Message
from tests.processes import let_pass
from tests.queues import put_dead_letters

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_idle_consumer_looks_less_and_less_often() -> None:
    broker = DatabaseBroker("idle.events")
    with closing(broker.subscribe(broker.queue, 1)) as subscription:
        subscription.receive(1, 2.0)
        with CaptureQueriesContext(connection) as queries:
            subscription.receive(1, 1.0)
    assert 2 <= len(queries) <= 20, "two queries a look"


def test_a_message_is_seen_soon_by_a_consumer_that_was_busy() -> None:
    broker = DatabaseBroker("busy.events")
    with closing(broker.subscribe(broker.queue, 1)) as subscription:
        broker.publish([b"1"])
        subscription.acknowledge(subscription.receive(1, 1))
        with CaptureQueriesContext(connection) as queries:
            subscription.receive(1, 0.2)
    assert len(queries) >= 8, "a look each 20 milliseconds"


def test_the_lease_follows_the_deadline_of_the_database() -> None:
    with override_settings(DATABASE_TIMEOUT=30):
        broker = open_broker("database://", "lease.events")
    broker.publish([b"1"])
    broker.subscribe(broker.queue, 1).receive(1, 1)
    assert Message.objects.get().leased_until > timezone.now() + timedelta(seconds=30)


def test_who_holds_a_batch_keeps_it() -> None:
    broker = DatabaseBroker("keep.events", lease=0.5)
    broker.publish([b"1"])
    holder, other = broker.subscribe(broker.queue, 1), broker.subscribe(broker.queue, 1)
    held = holder.receive(1, 1)
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        holder.keep(held)
        assert other.receive(1, 0.1) == []


@pytest.mark.sqlite
def test_ready_and_leased_messages_have_an_index_each() -> None:
    def plan(messages: object) -> str:
        return str(messages.filter(queue="q").values("pk").explain())  # type: ignore[attr-defined]

    assert "broker_message_fresh" in plan(Message.objects.fresh())
    assert "broker_message_leased" in plan(Message.objects.expired(timezone.now()))


def test_who_waits_for_others_waits_no_longer_than_the_timeout() -> None:
    writing, go_on = threading.Event(), threading.Event()

    def write(_messages: object, _timeout: float) -> None:
        writing.set()
        go_on.wait(10)

    commit = GroupCommit(write)
    leader = threading.Thread(target=commit.store, args=([b"1"], 10.0))
    leader.start()
    assert writing.wait(10)
    with pytest.raises(TimeoutError):
        commit.store([b"2"], 0.1)
    go_on.set()
    leader.join()
    commit.store([b"3"], 1)


def test_who_leads_after_waiting_has_only_the_rest_of_its_time() -> None:
    left: list[float] = []
    writing, go_on = threading.Event(), threading.Event()

    def write(_messages: object, timeout: float) -> None:
        left.append(timeout)
        writing.set()
        go_on.wait(10)

    commit = GroupCommit(write)
    threads = [threading.Thread(target=commit.store, args=([b"%d" % number], 10.0)) for number in range(2)]
    threads[0].start()
    assert writing.wait(10)
    threads[1].start()
    let_pass(0.3, "the second waits for its turn, out of its own time")
    go_on.set()
    for thread in threads:
        thread.join()
    assert left[1] <= 9.75


def test_dead_letters_that_somebody_holds_are_no_end_of_them() -> None:
    broker = DatabaseBroker("held.events", lease=60)
    put_dead_letters(broker, 3)
    with closing(broker.subscribe(broker.dead_queue, 2)) as other:
        other.receive(2, 0)
        assert len(broker.list_dead_letters(9)) == 3
        with pytest.raises(BrokerUnavailable, match="another command"):
            broker.replay_dead_letters()
    assert broker.replay_dead_letters() == 3


@pytest.mark.sqlite
def test_publishing_under_a_lock_takes_no_longer_than_its_timeout() -> None:
    """Whether a thread leads or comes second; the connection waits as before afterwards."""
    broker = DatabaseBroker("locked.events", publish_timeout=1.0)
    took: list[float] = []

    def publish() -> None:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 1000")
        began = time.monotonic()
        with pytest.raises(BrokerUnavailable):
            broker.publish([b"1"])
        took.append(time.monotonic() - began)
        connection.close()

    with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        threads = [threading.Thread(target=publish) for _ in range(3)]
        for thread in threads:
            thread.start()
            let_pass(0.3, "the next thread finds the one before waiting")
        for thread in threads:
            thread.join()
    assert len(took) == 3
    assert max(took) < 1.6


@pytest.mark.postgresql
def test_publishing_into_a_locked_table_takes_no_longer_than_its_timeout() -> None:
    """Whether a thread leads or comes second, and where no other limit ends a statement."""
    broker = DatabaseBroker("locked.events", publish_timeout=1.0)
    took: list[float] = []

    def publish() -> None:
        began = time.monotonic()
        with pytest.raises(BrokerUnavailable):
            broker.publish([b"1"])
        took.append(time.monotonic() - began)
        connection.close()

    threads = [threading.Thread(target=publish) for _ in range(3)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE broker_message IN ACCESS EXCLUSIVE MODE")
        for thread in threads:
            thread.start()
            let_pass(0.3, "the next thread finds the one before waiting")
        for thread in threads:
            thread.join(5)
    assert len(took) == 3
    assert max(took) < 1.6


@pytest.mark.postgresql
@pytest.mark.parametrize(("usual", "least", "most"), [("0", 2.0, 5.0), ("2min", 2.0, 5.0), ("300ms", 0.3, 0.3)])
def test_publishing_shortens_the_time_of_a_statement_and_never_extends_it(
    usual: str, least: float, most: float
) -> None:
    seen: list[timedelta] = []

    def limit() -> timedelta:
        return connection.connection.execute("SELECT current_setting('statement_timeout')::interval").fetchone()[0]

    def look(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith("INSERT"):
            seen.append(limit())
        return execute(sql, *rest)

    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = '{usual}'")
        try:
            before = limit()
            with connection.execute_wrapper(look):
                DatabaseBroker("limited.events", publish_timeout=5.0).publish([b"1"])
            assert least <= seen[0].total_seconds() <= most
            assert limit() == before
        finally:
            cursor.execute("RESET statement_timeout")


def test_locks_are_made_again_after_a_fork() -> None:
    broker = DatabaseBroker("fork.events")
    with broker._group._lock:
        child = os.fork()
        if child == 0:
            os._exit(broker._group._lock.locked())
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_what_fails_before_the_commit_stored_nothing() -> None:
    broker = DatabaseBroker("full.events", max_length=1)
    broker.publish([b"1"])
    with pytest.raises(NothingStored, match="full"):
        broker.publish([b"2"])
    assert Message.objects.count() == 1


def test_a_commit_that_fails_leaves_in_doubt_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer may be lost after the database has done it."""

    def commit() -> None:
        raise DatabaseError("the server closed the connection")

    broker = DatabaseBroker("doubt.events")
    monkeypatch.setattr(connection, "commit", commit)
    with pytest.raises(BrokerUnavailable, match="closed the connection") as failed:
        broker.publish([b"1"])
    assert failed.value.may_be_stored
    assert transaction.get_autocommit()
