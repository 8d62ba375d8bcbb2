"""RabbitMQ nodes and a PostgreSQL cluster of the suite's own, on free ports: nobody else suffers with them."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from glob import glob
from pathlib import Path

import pika
import psycopg

from tests import services
from tests.processes import free_port, let_pass, wait_for

START_TIMEOUT = 60.0
RABBITMQ_CONFIG = """
listeners.tcp.1 = 127.0.0.1:{port}
loopback_users.guest = true
cluster_partition_handling = ignore
vm_memory_high_watermark.absolute = 8GB
disk_free_limit.absolute = 50MB
"""
# The channel looks once a minute only for consumers that took too long.
RABBITMQ_ADVANCED = "[{rabbit, [{channel_tick_interval, 1000}]}].\n"


def find_program(name: str, *places: str) -> str:
    """Return the path of a server's program, which distributions often keep off the PATH; skip the test without it."""
    found = [path for place in places for path in sorted(glob(f"{place}/{name}"))] or [shutil.which(name)]
    services.require(found[-1], name)
    return str(found[-1])


class Epmd:
    """The name server of the suite's RabbitMQ nodes. Without one of ours they would start one and leave it running."""

    def __init__(self) -> None:
        self.port = free_port()
        command = [find_program("epmd"), "-address", "127.0.0.1", "-port", str(self.port)]
        self._process = subprocess.Popen(command)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class RabbitNode:
    """One RabbitMQ node. Nodes of one `home` share the cookie, and can so form a cluster."""

    def __init__(self, name: str, home: Path, epmd: Epmd, peers: Sequence[str] = (), config: str = "") -> None:
        self.name = f"{name}@localhost"
        self.port = free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/"
        self._directory = home / name
        self._directory.mkdir()
        members = [f"cluster_formation.classic_config.nodes.{n} = {peer}@localhost" for n, peer in enumerate(peers, 1)]
        self._write("rabbitmq.conf", "\n".join([RABBITMQ_CONFIG.format(port=self.port), *members, config, ""]))
        self._write("advanced.config", RABBITMQ_ADVANCED)
        self._write("plugins", "[].\n")
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(self._directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self._directory / "log"),
            "RABBITMQ_CONFIG_FILE": str(self._directory / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self._directory / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._directory / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "ERL_EPMD_PORT": str(epmd.port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def _write(self, name: str, text: str) -> None:
        (self._directory / name).write_text(text)

    def start(self) -> None:
        program = find_program("rabbitmq-server", "/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin")
        with (self._directory / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [program], env=self._environment, stdout=output, stderr=output, start_new_session=True
            )

    @property
    def is_started(self) -> bool:
        return self._process is not None

    def wait_ready(self) -> None:
        wait_for(self._answers, START_TIMEOUT, f"RabbitMQ node {self.name} starts", every=0.1)

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            self.start()  # as systemd would: one that was killed may stumble over what it left
        try:
            pika.BlockingConnection(pika.URLParameters(f"{self.url}?socket_timeout=1&stack_timeout=2")).close()
        except (pika.exceptions.AMQPError, OSError):
            return False
        return True

    def kill(self) -> None:
        """End the node at once, and all that it started."""
        if self._process is not None:
            with suppress(ProcessLookupError):  # it ended by itself
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def pause(self, seconds: float) -> None:
        """Stop the node's process for a while: its kernel acknowledges what it never reads."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)
        let_pass(seconds, "the node hangs for so long")
        os.killpg(self._process.pid, signal.SIGCONT)

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl; return what it says."""
        program = find_program("rabbitmqctl", "/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin")
        command = [program, "--quiet", "-n", self.name, *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"rabbitmqctl {arguments}: {done.stdout}{done.stderr}"
        return done.stdout


class PostgresCluster:
    """A PostgreSQL cluster in a directory of its own, that can be stopped without a goodbye."""

    def __init__(self) -> None:
        self.port = free_port()
        self._owner = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
        self._directory = Path(tempfile.mkdtemp(prefix="watchtime-postgres-"))
        if self._owner:
            shutil.chown(self._directory, self._owner)
        self.data = self._directory / "data"
        self._run(["initdb", "--pgdata", str(self.data), "--no-sync", "--auth=trust", "--username=postgres"]).wait()
        self._process: subprocess.Popen[bytes] | None = None

    def _run(self, command: list[str]) -> "subprocess.Popen[bytes]":
        program = find_program(command[0], "/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin")
        with (self._directory / "output").open("ab") as output:
            return subprocess.Popen(
                [program, *command[1:]],
                user=self._owner,
                group=self._owner,
                extra_groups=[] if self._owner else None,
                cwd=self._directory,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def start(self, *settings: str) -> None:
        settings = (f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", *settings)
        options = [part for setting in settings for part in ("-c", setting)]
        self._process = self._run(["postgres", "-D", str(self.data), *options])
        wait_for(self._answers, START_TIMEOUT, "PostgreSQL starts")

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    @property
    def is_started(self) -> bool:
        return self._process is not None

    def stop_immediately(self) -> None:
        """Stop as a crash does: every connection breaks, and the next start recovers from the log."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
            self._process = None

    def url(self, database: str) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def execute(self, sql: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql)

    def destroy(self) -> None:
        self.stop_immediately()
        shutil.rmtree(self._directory, ignore_errors=True)
