"""PostgreSQL that does not answer: connections are given up, and the next ones work."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import environ
import psycopg
import pytest
from django.db import OperationalError
from django.db.backends.postgresql import base
from django.db.utils import ConnectionHandler
from pytest_django.plugin import DjangoDbBlocker

from tests import services
from tests.faults.nodes import PostgresCluster
from tests.faults.proxy import Proxy
from tests.processes import wait_for
from watchtime.postgresql.base import DatabaseWrapper

TIMEOUT = 1.5  # seconds; a busy machine needs half of one for what takes no time


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with closing(Proxy(urlsplit(services.POSTGRESQL_URL).port or 5432)) as opened:
        yield opened


@pytest.fixture
def database(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, django_db_blocker: DjangoDbBlocker
) -> Iterator[DatabaseWrapper]:
    monkeypatch.setattr(DatabaseWrapper, "statement_timeout", TIMEOUT)
    with services.own_database() as url, django_db_blocker.unblock(), closing(connect(url, proxy)) as wrapper:
        yield wrapper


def connect(url: str, proxy: Proxy | PostgresCluster) -> DatabaseWrapper:
    """Return a connection of Django's, through the proxy or to the cluster."""
    settings = {**environ.Env.db_url_config(url), "ENGINE": "watchtime.postgresql", "PORT": proxy.port}
    wrapper = ConnectionHandler({"default": settings})["default"]
    assert isinstance(wrapper, DatabaseWrapper)
    wrapper.inc_thread_sharing()
    return wrapper


def ask(database: DatabaseWrapper, sql: str) -> object:
    with database.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def gives_up(database: DatabaseWrapper, sql: str) -> bool:
    """Say whether a statement is given up, in little more time than it may take."""
    began = time.monotonic()
    with pytest.raises(OperationalError):
        ask(database, sql)
    return TIMEOUT <= time.monotonic() - began < TIMEOUT + 2


def test_a_slow_statement_is_given_up_and_the_next_one_works(database: DatabaseWrapper) -> None:
    backend = ask(database, "SELECT pg_backend_pid()")
    assert gives_up(database, "SELECT pg_sleep(20)")
    assert ask(database, "SELECT pg_backend_pid()") == backend


def test_a_slow_statement_costs_no_other_connection(database: DatabaseWrapper) -> None:
    with closing(ConnectionHandler({"default": database.settings_dict})["default"]) as other:
        backend = ask(other, "SELECT pg_backend_pid()")
        assert gives_up(database, "SELECT pg_sleep(20)")
        other.health_check_enabled, other.health_check_done = True, False
        assert ask(other, "SELECT pg_backend_pid()") == backend


def test_a_server_that_does_not_end_a_slow_statement_is_given_up(database: DatabaseWrapper) -> None:
    ask(database, "SELECT set_config('statement_timeout', '0', false)")
    assert gives_up(database, "SELECT pg_sleep(20)")
    database.close_if_unusable_or_obsolete()
    assert ask(database, "SELECT 1") == 1


def test_a_forgotten_connection_is_given_up(database: DatabaseWrapper, proxy: Proxy) -> None:
    assert ask(database, "SELECT 1") == 1
    proxy.forget()
    assert gives_up(database, "SELECT 2")
    database.close_if_unusable_or_obsolete()
    assert ask(database, "SELECT 3") == 3


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresCluster]:
    made = PostgresCluster()
    try:
        made.start()
        yield made
    finally:
        made.destroy()


@contextmanager
def stopped(pid: object) -> Iterator[None]:
    """Stop a process of the server's meanwhile: its kernel confirms what it is sent, and it answers nothing."""
    os.kill(int(str(pid)), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(int(str(pid)), signal.SIGCONT)


@pytest.mark.slow
def test_a_stopped_server_is_given_up(
    cluster: PostgresCluster, monkeypatch: pytest.MonkeyPatch, django_db_blocker: DjangoDbBlocker
) -> None:
    monkeypatch.setattr(DatabaseWrapper, "statement_timeout", TIMEOUT)
    with django_db_blocker.unblock(), closing(connect(cluster.url("postgres"), cluster)) as database:
        with stopped(ask(database, "SELECT pg_backend_pid()")):
            assert gives_up(database, "SELECT 2")
        database.close_if_unusable_or_obsolete()
        assert ask(database, "SELECT 3") == 3


@pytest.mark.slow
def test_no_setting_of_libpq_gives_up_a_stopped_server(cluster: PostgresCluster) -> None:
    """When one does, the deadline of the backend can go."""
    limit = int(1000 * TIMEOUT)
    settings = {
        "connect_timeout": 2,
        "tcp_user_timeout": limit,
        "keepalives_idle": 1,
        "keepalives_interval": 1,
        "keepalives_count": 1,
        "options": f"-c statement_timeout={limit} -c client_connection_check_interval={limit}",
    }
    with psycopg.connect(cluster.url("postgres"), **settings) as connection, ThreadPoolExecutor(1) as pool:
        with stopped(connection.info.backend_pid):
            answer = pool.submit(connection.execute, "SELECT 1")
            with pytest.raises(TimeoutError):
                answer.result(3 * TIMEOUT)
        assert answer.result(10).fetchone() == (1,)


def test_the_connections_of_other_threads_are_not_waited_for(database: DatabaseWrapper, proxy: Proxy) -> None:
    """Each would take as long to be given up, and those who publish together would wait for one after the other."""
    with closing(ConnectionHandler({"default": database.settings_dict})["default"]) as other:
        for connection in (database, other):
            assert ask(connection, "SELECT 1") == 1
        proxy.forget()
        assert gives_up(database, "SELECT 2")
        began = time.monotonic()
        for connection in (database, other):
            connection.health_check_enabled, connection.health_check_done = True, False
            assert ask(connection, "SELECT 3") == 3
        assert time.monotonic() - began < TIMEOUT


def test_connecting_to_nobody_is_given_up(database: DatabaseWrapper, proxy: Proxy) -> None:
    proxy.blackhole()
    began = time.monotonic()
    with pytest.raises(OperationalError):
        ask(database, "SELECT 1")
    assert time.monotonic() - began < 6


def test_the_locks_of_a_forgotten_transaction_are_released(database: DatabaseWrapper, proxy: Proxy) -> None:
    """Neither end hears of the other again: the server must give the transaction up by itself."""
    with database.cursor() as cursor:
        cursor.execute("CREATE TABLE hot AS SELECT 1")
    forgotten = database.connection
    forgotten.autocommit = False
    forgotten.execute("LOCK TABLE hot")
    proxy.forget()
    database.connection = None
    with psycopg.connect(services.POSTGRESQL_URL, autocommit=True) as server:
        backend = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
        wait_for(lambda: not server.execute(backend, [forgotten.info.backend_pid]).fetchone(), 10, "it is given up")
    with database.cursor() as cursor:
        cursor.execute("DROP TABLE hot")
    assert ask(database, "SELECT to_regclass('hot')") is None
    forgotten.close()


def test_without_a_limit_a_statement_takes_as_long_as_it_takes(
    database: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DatabaseWrapper, "statement_timeout", None)
    assert ask(database, f"SELECT 1 FROM pg_sleep({2 * TIMEOUT})") == 1


def test_an_idle_connection_is_used_again_without_asking_the_server(
    database: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = ask(database, "SELECT pg_backend_pid()")
    database.health_check_enabled, database.health_check_done = True, False
    monkeypatch.setattr(base.DatabaseWrapper, "is_usable", lambda _: pytest.fail("the server was asked"))
    assert ask(database, "SELECT pg_backend_pid()") == backend


def test_a_connection_that_the_server_closed_is_replaced(database: DatabaseWrapper) -> None:
    backend = ask(database, "SELECT pg_backend_pid()")
    with psycopg.connect(services.POSTGRESQL_URL, autocommit=True) as server:
        server.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
    database.health_check_enabled, database.health_check_done = True, False
    assert ask(database, "SELECT pg_backend_pid()") != backend
