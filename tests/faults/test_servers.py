"""The web server, RabbitMQ and PostgreSQL die and come back."""

import os
import random
import signal

import psycopg

from tests.faults.conftest import rounds
from tests.faults.stage import Stage
from tests.processes import let_pass, wait_for

# RabbitMQ 3.10 writes down a moment late who leads a quorum queue. Killed within that, it comes back
# with everything, but with no leader, and answers nothing until it is started once more.
SETTLED = 6.0
RESPAWN = 6.0  # seconds: granian takes a worker that dies sooner than that for hopeless, and stops


def test_web_worker_killed(stage: Stage) -> None:
    """The server makes a new worker by itself; what was in the old one's hands was never acknowledged."""
    for _ in rounds(1):
        let_pass(RESPAWN, "the worker is old enough to be replaced")
        with stage.assert_survives("web worker killed"):
            (worker,) = stage.web.children()
            os.kill(worker, signal.SIGKILL)


def test_web_server_killed(stage: Stage) -> None:
    for _ in rounds(1):
        with stage.assert_survives("web server killed"):
            stage.web.kill()
            stage.web.start()


def test_rabbitmq_killed(stage: Stage) -> None:
    """With messages waiting, and every other time with a consumer that works on them."""
    for number in rounds(1):
        let_pass(SETTLED, "the leader is written down")
        with stage.assert_survives("RabbitMQ killed"):
            if number % 2 == 0:
                stage.drain()
            let_pass(random.uniform(0.2, 0.5), "messages come in")
            stage.servers.node.kill()
            stage.servers.node.start()
            stage.servers.node.wait_ready()
            if not stage.consumer.is_running:
                stage.consumer.start()


def test_rabbitmq_hangs(stage: Stage) -> None:
    """The node stops for longer than heartbeats may fail: every connection is closed and opened again."""
    for _ in rounds(1):
        with stage.assert_survives("RabbitMQ hangs"):
            stage.servers.node.pause(random.uniform(6, 9))


def test_postgresql_stopped_immediately(stage: Stage) -> None:
    for _ in rounds(2):
        with stage.assert_survives("PostgreSQL stopped"):
            let_pass(random.uniform(0, 0.5), "the fault comes at a random moment")
            stage.servers.cluster.stop_immediately()
            let_pass(random.uniform(0, 2), "PostgreSQL is down")
            stage.servers.cluster.start()


def test_postgresql_stopped_in_a_commit(stage: Stage) -> None:
    """A COMMIT hangs in a deferred trigger when the server goes: nobody was told whether it counts."""
    for _ in rounds(1):
        with stage.assert_survives("PostgreSQL stopped in a COMMIT"):
            slow_commits(stage, 3)
            wait_for(lambda: in_commit(stage), 10, "a COMMIT hangs", every=0.01)
            stage.servers.cluster.stop_immediately()
            stage.servers.cluster.start()
            slow_commits(stage, 0)


def slow_commits(stage: Stage, seconds: float) -> None:
    with psycopg.connect(stage.database_url, autocommit=True) as database:
        database.execute("DROP TRIGGER IF EXISTS slow ON watchtime_event")
        if seconds:
            database.execute(
                "CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$BEGIN PERFORM pg_sleep({seconds}); RETURN NULL; END$$"
            )
            database.execute(
                "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON watchtime_event DEFERRABLE INITIALLY DEFERRED "
                "FOR EACH ROW EXECUTE FUNCTION slow()"
            )


def in_commit(stage: Stage) -> bool:
    with psycopg.connect(stage.database_url) as database:
        query = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'COMMIT' AND datname = %s"
        (number,) = database.execute(query, [stage.name]).fetchone() or (0,)
        return bool(number)


def test_sigterm_drains(stage: Stage) -> None:
    for _ in rounds(1):
        with stage.assert_survives("consumer told to stop"):
            stage.drain()
            stage.consumer.start()
