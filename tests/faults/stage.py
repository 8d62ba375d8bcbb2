"""The service on a stage: web server, consumer and clients, with a proxy on each of their connections."""

import json
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from typing import Self
from uuid import uuid4

import pika
import psycopg

from tests.faults.clients import Client, ask
from tests.faults.judge import Verdict, judge, read_logs
from tests.faults.nodes import Epmd, PostgresCluster, RabbitNode
from tests.faults.processes import Process
from tests.faults.proxy import Proxy
from tests.processes import free_port, wait_for

RECOVERY = 10.0  # seconds within which everything acknowledged is counted after a fault
DRAIN = 5.0  # seconds that a consumer may take to stop
TEMPLATE = "watchtime_template"


class Servers:
    """What the stages of a run share: a PostgreSQL cluster with the tables made, and a RabbitMQ node."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="watchtime-faults-"))
        self.cluster = PostgresCluster()
        self.epmd = Epmd()
        self.node = RabbitNode("single", self.home, self.epmd)

    def start(self) -> None:
        self.node.start()
        self.cluster.start()
        self.cluster.execute(f"CREATE DATABASE {TEMPLATE}")
        migrate = Process(
            ["manage.py", "migrate", "--verbosity", "0"],
            {"DATABASE_URL": self.cluster.url(TEMPLATE)},
            self.home / "migrate.log",
        )
        assert migrate.start().wait(60) == 0, migrate.output()
        self.node.wait_ready()

    def repair(self) -> None:
        """Start again what a failed test left stopped."""
        if not self.cluster.is_started:
            self.cluster.start()
        if not self.node.is_started:
            self.node.start()
            self.node.wait_ready()

    def stop(self) -> None:
        """Leave nothing behind, whatever goes wrong in between."""
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self.home, ignore_errors=True)
            stack.callback(self.cluster.destroy)
            stack.callback(self.epmd.stop)
            stack.callback(self.node.kill)


@dataclass
class Record:
    """The figures of a run: each fault with its class and the seconds to recover, and what was judged."""

    faults: list[tuple[str, float]] = field(default_factory=list)
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    different: int = 0

    def add(self, verdict: Verdict) -> None:
        self.acknowledged += verdict.acknowledged
        self.lost += len(verdict.lost)
        self.doubled += len(verdict.doubled)
        self.different += len(verdict.different)

    def merge(self, other: "Record") -> None:
        self.faults += other.faults
        self.acknowledged += other.acknowledged
        self.lost += other.lost
        self.doubled += other.doubled
        self.different += other.different

    def summary(self) -> Iterator[str]:
        """Yield lines for people to read: the sums, then each class."""
        classes = sorted({name for name, _ in self.faults})
        slowest = max((seconds for _, seconds in self.faults), default=0)
        yield (
            f"{len(self.faults)} faults of {len(classes)} classes; {self.acknowledged} events acknowledged, "
            f"{self.lost} lost, {self.doubled} counted twice, {self.different} totals different; "
            f"slowest recovery {slowest:.1f} s"
        )
        for name in classes:
            seconds = [value for kind, value in self.faults if kind == name]
            yield f"  {name}: {len(seconds)}, slowest recovery {max(seconds):.1f} s"


RECORD = Record()


class Stage:
    """One web server, one consumer, some clients. Everything between them can fail."""

    def __init__(self, servers: Servers, nodes: "list[RabbitNode] | None" = None, **environment: str) -> None:
        self.servers = servers
        self.nodes = nodes or [servers.node]
        self.is_embedded = environment.get("BROKER_URL", "").startswith("database")
        self.name = f"faults_{uuid4().hex[:10]}"
        self.queue, self.dead_queue = f"{self.name}.events", f"{self.name}.dead"
        self.directory = Path(tempfile.mkdtemp(prefix="watchtime-stage-"))
        self.database_url = servers.cluster.url(self.name)
        servers.cluster.execute(f"CREATE DATABASE {self.name} TEMPLATE {TEMPLATE}")
        self.port = free_port()
        self.web_broker, self.consumer_broker = Proxy(servers.node.port), Proxy(servers.node.port)
        self.web_database, self.consumer_database = Proxy(servers.cluster.port), Proxy(servers.cluster.port)
        self.web = self._process("serve", self.web_broker, self.web_database, environment)
        self.consumer = self._process("consume", self.consumer_broker, self.consumer_database, environment)
        self.clients = [Client(f"client{number}", self.port, self.directory) for number in range(4)]
        self.probe = Client("probe", self.port, self.directory)
        self.expected_dead_letters = 0
        self.failed = False  # so far

    def _process(self, command: str, broker: Proxy, database: Proxy, environment: dict[str, str]) -> Process:
        settings = {
            "DATABASE_URL": f"postgres://postgres@127.0.0.1:{database.port}/{self.name}",
            "BROKER_URL": f"amqp://guest:guest@127.0.0.1:{broker.port}/",
            "BROKER_QUEUE": self.queue,
            "PORT": str(self.port),
            "WEB_WORKERS": "1",
            "WEB_THREADS": "8",
        }
        return Process(["manage.py", command], settings | environment, self.directory / f"{command}.output")

    def open(self) -> Self:
        """Start everything, unless it runs already, and wait until the first events are counted."""
        if self.web.is_running:
            return self
        self.web.start()
        self.consumer.start()
        wait_for(self._listens, 20, "the web server listens")
        for client in self.clients:
            client.start()
        self._await_counted(20)
        return self

    def _listens(self) -> bool:
        assert self.web.is_running, self.web.output()
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    @contextmanager
    def assert_survives(self, kind: str, within: float = RECOVERY) -> Iterator[None]:
        """Do one fault inside. Fails unless everything acknowledged is counted within these seconds after it."""
        self.failed = True
        yield
        seconds = self._await_counted(within)
        RECORD.faults.append((kind, seconds))
        self.failed = False

    def _await_counted(self, within: float) -> float:
        """Publish one more event; return how long it took until that and all before it were counted."""
        began = time.monotonic()
        self.probe.publish()
        events = read_logs(self.directory)
        left = began + within - time.monotonic()
        wait_for(lambda: not judge(events, self.database_url).lost, left, "everything acknowledged is counted")
        return time.monotonic() - began

    def pause_clients(self) -> None:
        """Return when the clients publish no more, and all that they published is counted."""
        for client in self.clients:
            client.pause()
        self._await_counted(RECOVERY)

    def resume_clients(self) -> None:
        for client in self.clients:
            client.resume()

    def refused(self) -> int:
        """Return how often a client was told to come again, or told nothing."""
        return sum(client.refused for client in self.clients)

    def time_of_one_refusal(self) -> float:
        """Publish what cannot be taken now; return how long it took to say so."""
        began = time.monotonic()
        status = ask(self.port, "POST", "/", json.dumps({"user": "nobody", "slug": "nothing", "at": 0}).encode())
        assert status == 503, status
        return time.monotonic() - began

    def read_total(self) -> int:
        """Ask the web server for a total; return the status, 0 when there is no answer."""
        return ask(self.port, "GET", "/users/probe-0/total-watch-time/")

    def settle(self) -> None:
        """Stop the clients, let the consumer finish, and judge."""
        for client in self.clients:
            client.stop()
        self._await_counted(RECOVERY)
        verdict = judge(read_logs(self.directory), self.database_url)
        RECORD.add(verdict)
        self._approve(verdict)

    def check(self) -> None:
        """Judge, and go on."""
        self.failed = True
        self.pause_clients()
        self._approve(judge(read_logs(self.directory), self.database_url))
        self.resume_clients()
        self.failed = False

    def _approve(self, verdict: Verdict) -> None:
        assert verdict.is_right, str(verdict)
        what = f"{self.expected_dead_letters} dead letters"
        wait_for(lambda: self.dead_letters() == self.expected_dead_letters, 5, what)

    def drain(self) -> None:
        """Tell the consumer to stop, and see that it does in time."""
        self.consumer.signal(SIGTERM)
        assert self.consumer.wait(DRAIN) == 0, self.consumer.output()[-2000:]

    @contextmanager
    def channel(self) -> Iterator["pika.adapters.blocking_connection.BlockingChannel"]:
        """Give a channel of plain pika, to do with the broker what an operator or a stranger does."""
        connection = pika.BlockingConnection([pika.URLParameters(node.url) for node in self.nodes])
        try:
            yield connection.channel()
        finally:
            connection.close()

    def dead_letters(self) -> int:
        """Return how many dead letters there are, in RabbitMQ and in the embedded queue."""
        with psycopg.connect(self.database_url) as database:
            query = "SELECT count(*) FROM broker_message WHERE queue = %s"
            (embedded,) = database.execute(query, [self.dead_queue]).fetchone() or (0,)
        return int(embedded) + (0 if self.is_embedded else self.depth(self.dead_queue))

    def depth(self, queue: str) -> int:
        with self.channel() as channel:
            return int(channel.queue_declare(queue, passive=True).method.message_count)

    def close(self) -> None:
        """End everything, whatever state it is in, and remove what it left."""
        proxies = (self.web_broker, self.web_database, self.consumer_broker, self.consumer_database)
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            stack.callback(self._drop)
            for closing in (*proxies, *self.clients, self.probe):
                stack.callback(closing.close)
            stack.callback(self.consumer.kill)
            stack.callback(self.web.kill)

    def _drop(self) -> None:
        self.servers.repair()
        self.servers.cluster.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
        with self.channel() as channel:
            channel.queue_delete(self.queue)
            channel.queue_delete(self.dead_queue)
