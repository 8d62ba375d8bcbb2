"""The web server, RabbitMQ and PostgreSQL die and come back."""

import os
import random
import signal
import time

import psycopg

from tests.faults.conftest import rounds
from tests.faults.nodes import wait_for
from tests.faults.stage import Stage

# RabbitMQ 3.10 writes down a moment late who leads a quorum queue. Killed within that, it comes back
# with everything, but with no leader, and answers nothing until it is started once more.
SETTLED = 6.0
RESPAWN = 6.0  # seconds: granian takes a worker that dies sooner than that for hopeless, and stops


def test_web_worker_killed(stage: Stage) -> None:
    """The server makes a new worker by itself; what was in the old one's hands was never acknowledged."""
    for _ in rounds(1):
        time.sleep(RESPAWN)
        with stage.fault("web worker killed"):
            (worker,) = stage.web.children()
            os.kill(worker, signal.SIGKILL)


def test_web_server_killed(stage: Stage) -> None:
    for _ in rounds(1):
        with stage.fault("web server killed"):
            stage.web.kill()
            stage.web.start()


def test_rabbitmq_killed(stage: Stage) -> None:
    """With messages waiting, and every other time with a consumer that works on them."""
    for number in rounds(1):
        time.sleep(SETTLED)
        with stage.fault("RabbitMQ killed"):
            if number % 2 == 0:
                stage.drain()
            time.sleep(random.uniform(0.2, 0.5))
            stage.servers.node.kill()
            stage.servers.node.start()
            stage.servers.node.wait_ready()
            if not stage.consumer.is_running:
                stage.consumer.start()


def test_rabbitmq_hangs(stage: Stage) -> None:
    """The node stops for longer than heartbeats may fail: every connection is closed and opened again."""
    for _ in rounds(1):
        with stage.fault("RabbitMQ hangs"):
            stage.servers.node.pause(random.uniform(6, 9))


def test_postgresql_stopped_immediately(stage: Stage) -> None:
    for _ in rounds(2):
        with stage.fault("PostgreSQL stopped"):
            time.sleep(random.uniform(0, 0.5))
            stage.servers.cluster.stop_immediately()
            time.sleep(random.uniform(0, 2))
            stage.servers.cluster.start()


def test_postgresql_stopped_in_a_commit(stage: Stage) -> None:
    """A COMMIT hangs in a deferred trigger when the server goes: nobody was told whether it counts."""
    for _ in rounds(1):
        with stage.fault("PostgreSQL stopped in a COMMIT"):
            slow_commits(stage, 3)
            wait_for(lambda: in_commit(stage), "a COMMIT hangs", 10, every=0.01)
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
        with stage.fault("consumer told to stop"):
            stage.drain()
            stage.consumer.start()
