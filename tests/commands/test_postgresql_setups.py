"""PostgreSQL behind a pool, behind PgBouncer in transaction mode, and with a real replica."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.faults.nodes import PostgresCluster, find_program
from tests.processes import (
    Environment,
    address_of,
    answers,
    environment,
    free_port,
    manage,
    manage_all,
    wait_for,
    web_and_consumer,
)

pytestmark = pytest.mark.slow
EVENTS = 60


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresCluster]:
    made = PostgresCluster()
    try:
        made.start()
        yield made
    finally:
        made.destroy()


@contextmanager
def service(**settings: str) -> Iterator[httpx.Client]:
    """Run web server and consumer, with the queue in the database; give a client of them."""
    env = environment(PORT=str(free_port()), **settings)
    manage(env, "migrate")
    with web_and_consumer(env), httpx.Client(base_url=address_of(env), timeout=20) as client:
        yield client
    prune = ["prune_events", "--before", "2100-01-01"]
    manage_all(env, ["verify_totals"], ["rebuild_totals"], prune, ["verify_totals"])


def publish(client: httpx.Client) -> None:
    def one(number: int) -> int:
        return client.post("/", json={"user": f"u{number % 5}", "slug": "alien", "at": number}).status_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(one, range(EVENTS))) == {200}


def total(client: httpx.Client) -> int:
    query = '{ movieTotalWatchTime(slug: "alien") { totalWatchTime } }'
    answer: dict[str, Any] = client.post("/graphql/", json={"query": query}).json()
    return int((answer["data"]["movieTotalWatchTime"] or {"totalWatchTime": 0})["totalWatchTime"])


def in_series(client: httpx.Client) -> int:
    """Return the seconds of the movie, read as a series of this year and the next."""
    window = f'from: "{date.today().year}-01-01T00:00:00Z", to: "{date.today().year + 2}-01-01T00:00:00Z"'
    series = f"watchTimeSeries({window}, interval: MONTH) {{ totalWatchTime }}"
    query = f'{{ movieTotalWatchTime(slug: "alien") {{ {series} }} }}'
    points = client.post("/graphql/", json={"query": query}).json()["data"]["movieTotalWatchTime"]["watchTimeSeries"]
    return sum(int(point["totalWatchTime"]) for point in points)


def test_a_pool_bounds_the_connections_of_a_process(cluster: PostgresCluster) -> None:
    cluster.execute("CREATE DATABASE pooled")
    url = cluster.url("pooled")
    with service(DATABASE_URL=url, DATABASE_POOL="3", WEB_THREADS="16") as client:
        publish(client)
        wait_for(lambda: total(client) == sum(range(EVENTS)), 30, "all is counted")
        with psycopg.connect(url) as connection:
            connections = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = 'pooled' AND pid <> pg_backend_pid()"
            ).fetchone()
        assert connections is not None
        assert 2 <= connections[0] <= 2 * 3, "of two processes"


@contextmanager
def pgbouncer(port: int, user: str | None) -> Iterator[int]:
    """Run PgBouncer in transaction mode, with two connections to the server."""
    program = find_program("pgbouncer", "/usr/sbin")
    directory, own_port = Path(tempfile.mkdtemp(prefix="watchtime-pgbouncer-")), free_port()
    config = directory / "pgbouncer.ini"
    config.write_text(
        f"[databases]\n* = host=127.0.0.1 port={port} user=postgres\n"
        f"[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port={own_port}\n"
        "auth_type=any\nunix_socket_dir=\npool_mode=transaction\ndefault_pool_size=2\nserver_round_robin=1\n"
    )
    config.chmod(0o644)
    directory.chmod(0o755)
    process = subprocess.Popen([program, "--quiet", str(config)], user=user)
    try:
        wait_for(lambda: answers(own_port), 10, "PgBouncer listens")
        yield own_port
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)
        shutil.rmtree(directory)


def test_pgbouncer_in_transaction_mode(cluster: PostgresCluster) -> None:
    cluster.execute("CREATE DATABASE bounced")
    with pgbouncer(cluster.port, "postgres" if os.geteuid() == 0 else None) as port:
        url = f"postgres://postgres@127.0.0.1:{port}/bounced"
        with service(DATABASE_URL=url, DATABASE_TRANSACTION_POOLER="true", WEB_THREADS="16") as client:
            publish(client)
            wait_for(lambda: total(client) == sum(range(EVENTS)), 30, "all is counted")
            for path in ("/", "/users/u1/total-watch-time/", "/readyz"):
                assert client.get(path).status_code == 200


@contextmanager
def standby(cluster: PostgresCluster) -> Iterator[int]:
    """Run a streaming replica of the cluster; give its port."""
    user = "postgres" if os.geteuid() == 0 else None
    directory, port = Path(tempfile.mkdtemp(prefix="watchtime-standby-")), free_port()
    if user:
        shutil.chown(directory, user)
    data = directory / "data"
    base = find_program("pg_basebackup", "/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin")
    source = ["-h", "127.0.0.1", "-p", str(cluster.port), "-U", "postgres"]
    subprocess.run([base, *source, "-D", data, "-R", "-X", "stream", "--checkpoint=fast"], check=True, user=user)
    postgres = find_program("postgres", "/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin")
    options = ["-c", f"port={port}", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
    with (directory / "log").open("w") as log:
        process = subprocess.Popen([postgres, "-D", data, *options], user=user, stderr=log, stdout=log)
    try:
        wait_for(lambda: answers(port), 20, "the replica listens")
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
        shutil.rmtree(directory)


def test_reads_go_to_the_replica_and_writes_do_not(cluster: PostgresCluster) -> None:
    cluster.execute("CREATE DATABASE copied")
    with standby(cluster) as port:
        replica = f"postgres://postgres@127.0.0.1:{port}/copied"
        wait_for(lambda: is_there(replica), 20, "the replica follows")
        with service(DATABASE_URL=cluster.url("copied"), DATABASE_REPLICA_URL=replica) as client:
            publish(client)
            wait_for(lambda: total(client) == sum(range(EVENTS)), 30, "all is counted, and read from the replica")
            with psycopg.connect(replica, autocommit=True) as connection:
                connection.execute("SELECT pg_wal_replay_pause()")
                publish(client)
                with psycopg.connect(cluster.url("copied")) as primary:
                    wait_for(lambda: counted(primary) == 2 * EVENTS, 30, "all is counted")
                assert total(client) == sum(range(EVENTS)), "the replica does not know yet"
                assert in_series(client) == sum(range(EVENTS))
                listed = client.get("/users/u1/total-watch-time/").json()["total_watch_time"]
                assert listed == sum(range(1, EVENTS, 5))
                connection.execute("SELECT pg_wal_replay_resume()")
            wait_for(lambda: total(client) == 2 * sum(range(EVENTS)), 30, "the replica knows")


def is_there(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def counted(connection: "psycopg.Connection[Any]") -> int:
    with connection.transaction():
        row = connection.execute("SELECT count(*) FROM watchtime_event").fetchone()
    return int(row[0]) if row else 0


def test_a_pool_of_sqlite_is_refused(tmp_path: Path) -> None:
    env: Environment = environment(DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}", DATABASE_POOL="3")
    done = manage(env, "check", check=False)
    assert done.returncode == 1
    assert "DATABASE_POOL needs PostgreSQL" in done.stderr
