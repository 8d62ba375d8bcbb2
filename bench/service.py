"""A database and queues for one benchmark, removed when it ends."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pika
import psycopg

ROOT = Path(__file__).resolve().parent.parent
# The same variables as the tests read.
POSTGRESQL_URL = os.environ.get("TEST_POSTGRESQL_URL", "postgres://postgres@127.0.0.1:5432/postgres")
RABBITMQ_URL = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/")


@dataclass(frozen=True)
class Service:
    """Where the service keeps its data: what its processes find in their environment."""

    database_url: str
    broker_url: str
    queue: str
    root: Path = ROOT  # the checkout that is measured

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "DEBUG": "false",
            "HTTPS": "false",
            "ALLOWED_HOSTS": "127.0.0.1",
            "DATABASE_URL": self.database_url,
            "BROKER_URL": self.broker_url,
            "BROKER_QUEUE": self.queue,
            "LOG_LEVEL": "WARNING",
            "ALLOW_ANONYMOUS": "true",
            "RATE_LIMIT_EVENTS": "1000000000",
            "RATE_LIMIT_COST": "1000000000000",
        }

    def manage(self, *command: str) -> None:
        """Run a command of the service. Its output goes to standard error: standard output has the table alone."""
        subprocess.run(
            [sys.executable, "manage.py", *command], cwd=self.root, env=self.environment, stdout=sys.stderr, check=True
        )

    def execute(self, *statements: str) -> None:
        """Execute SQL on PostgreSQL, each statement in a transaction of its own."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def settle(self) -> None:
        """Vacuum and analyze now, so that no measurement depends on when autovacuum runs."""
        self.execute("VACUUM ANALYZE")


@contextmanager
def on_servers(root: Path = ROOT) -> Iterator[Service]:
    """Give a service on PostgreSQL and RabbitMQ, of this checkout or another."""
    name = f"bench_{secrets.token_hex(6)}"
    with psycopg.connect(POSTGRESQL_URL, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    service = Service(urlsplit(POSTGRESQL_URL)._replace(path=f"/{name}").geturl(), RABBITMQ_URL, f"{name}.events", root)
    try:
        service.manage("migrate", "--verbosity", "0")
        yield service
    finally:
        with psycopg.connect(POSTGRESQL_URL, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        with pika.BlockingConnection(pika.URLParameters(RABBITMQ_URL)) as broker:
            for queue in (f"{name}.events", f"{name}.dead"):
                broker.channel().queue_delete(queue)


@contextmanager
def embedded(root: Path = ROOT) -> Iterator[Service]:
    """Give a service on SQLite with the embedded queue, of this checkout or another."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        service = Service(f"sqlite:///{directory}/db.sqlite3", "database://", "bench.events", root)
        service.manage("migrate", "--verbosity", "0")
        yield service


@contextmanager
def consuming(service: Service, log: Path, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a consumer as an operator runs it, with its log in a file. Raises RuntimeError when it ends by itself."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "consume"],
            cwd=service.root,
            env={**service.environment, **settings},
            stderr=output,
        )
    try:
        yield process
        if process.poll() is not None:
            raise RuntimeError(log.read_text()[-2000:])
    finally:
        process.terminate()
        process.wait(20)
