"""A backup of the database, restored while events wait in RabbitMQ: nothing is lost and nothing is counted twice."""

import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests import services
from tests.factories import event
from tests.processes import environment, manage, migrated_database, running, wait_for
from tests.queues import publish

pytestmark = pytest.mark.slow


def counted(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM watchtime_event").fetchone()
    return int(row[0]) if row else 0


def test_restored_to_an_earlier_time(rabbitmq_queue: str, tmp_path: Path) -> None:
    for program in ("pg_dump", "pg_restore"):
        services.require_program(program)
    before, after, waiting = ([event(user=f"u{n % 3}", at=n + 1) for n in range(40)] for _ in range(3))
    with migrated_database() as url:
        env = environment(DATABASE_URL=url, BROKER_URL=services.RABBITMQ_URL, BROKER_QUEUE=rabbitmq_queue)
        with running(env, "consume"):
            publish(rabbitmq_queue, before)
            wait_for(lambda: counted(url) == 40, 30, "the first events are counted")
            dump = tmp_path / "dump"
            subprocess.run(["pg_dump", "--format=custom", f"--file={dump}", url], check=True)
            publish(rabbitmq_queue, after)
            wait_for(lambda: counted(url) == 80, 30, "those after the backup are counted")
        publish(rabbitmq_queue, waiting)  # no consumer runs
        name = urlsplit(url).path[1:]
        with psycopg.connect(services.POSTGRESQL_URL, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name}")
        subprocess.run(["pg_restore", f"--dbname={url}", dump], check=True)
        manage(env, "verify_totals")
        assert counted(url) == 40
        with running(env, "consume"):
            wait_for(lambda: counted(url) == 80, 30, "what waited is counted")
            publish(rabbitmq_queue, [*before, *after, *waiting])  # the clients kept theirs, and send all of them again
            wait_for(lambda: counted(url) == 120, 30, "what was lost with the database is counted again")
        manage(env, "verify_totals")
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT total_watch_time FROM watchtime_movie").fetchone()
        assert row == (sum(one.at for one in [*before, *after, *waiting]),)
