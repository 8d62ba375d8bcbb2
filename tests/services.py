"""The services that tests talk to, and what happens where one is missing."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pika
import psycopg
import pytest

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
POSTGRESQL_URL = os.environ.get("TEST_POSTGRESQL_URL", "postgres://postgres@127.0.0.1:5432/postgres")
RABBITMQ_URL = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/")


def require(available: object, what: str) -> None:
    """Skip the test with its reason where `what` is missing; fail it where nothing may be."""
    if not available and os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(f"{what} is missing, and REQUIRE_SERVICES=1")
    if not available:
        pytest.skip(f"{what} is missing")


def require_program(name: str) -> str:
    path = shutil.which(name)
    require(path, name)
    return str(path)


@cache
def postgresql_answers() -> bool:
    try:
        psycopg.connect(POSTGRESQL_URL, connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


@cache
def rabbitmq_answers() -> bool:
    try:
        pika.BlockingConnection(pika.URLParameters(RABBITMQ_URL)).close()
    except pika.exceptions.AMQPError:
        return False
    return True


@contextmanager
def own_database(template: str = "template1") -> Iterator[str]:
    """Make a PostgreSQL database for one test, a copy of another; give its URL; drop it."""
    name = new_database(template)
    try:
        yield database_url(name)
    finally:
        drop_database(name)


def new_database(template: str = "template1") -> str:
    """Make a PostgreSQL database, a copy of another; return its name."""
    require(postgresql_answers(), f"PostgreSQL at {POSTGRESQL_URL}")
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(POSTGRESQL_URL, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


def database_url(name: str) -> str:
    return urlsplit(POSTGRESQL_URL)._replace(path=f"/{name}").geturl()


def drop_database(name: str) -> None:
    with psycopg.connect(POSTGRESQL_URL, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def own_queue() -> Iterator[str]:
    """Give the name of a queue that nobody else uses; delete it and its dead letters."""
    require(rabbitmq_answers(), f"RabbitMQ at {RABBITMQ_URL}")
    name = f"test-{uuid4().hex[:12]}"
    try:
        yield f"{name}.events"
    finally:
        with raw_channel() as channel:
            channel.queue_delete(f"{name}.events")
            channel.queue_delete(f"{name}.dead")


@contextmanager
def raw_channel() -> Iterator["pika.adapters.blocking_connection.BlockingChannel"]:
    """Give a channel of plain pika: what another producer would use, and the judge of ours."""
    connection = pika.BlockingConnection(pika.URLParameters(RABBITMQ_URL))
    try:
        yield connection.channel()
    finally:
        connection.close()
