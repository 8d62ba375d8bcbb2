"""TLS to RabbitMQ and PostgreSQL, both of which ask for a certificate of the client's."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests import services
from tests.factories import event
from tests.faults.nodes import Epmd, PostgresCluster, RabbitNode, find_program
from tests.processes import Environment, answers, environment, free_port, manage, running, wait_for
from tests.queues import handled

pytestmark = pytest.mark.slow
DATABASE = "encrypted"


class Certificates:
    """An authority with certificates for the servers and for the client, made with openssl."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._openssl = services.require_program("openssl")
        new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        self._run(*new, "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt")
        self._run(*new, "-subj", "/CN=stranger", "-keyout", "stranger.key", "-out", "stranger.crt")
        self._issue("server", "subjectAltName=DNS:localhost")
        self._issue("postgres", "subjectAltName=DNS:client")  # named as the database's user

    def _run(self, *arguments: str) -> None:
        subprocess.run([self._openssl, *arguments], cwd=self._directory, check=True, capture_output=True)

    def _issue(self, name: str, extension: str) -> None:
        (self._directory / "extension").write_text(extension)
        request = ["-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key"]
        self._run("req", *request, "-out", f"{name}.csr")
        signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extension"]
        self._run("x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.crt")

    def path(self, name: str) -> str:
        return str(self._directory / name)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def postgresql(certificates: Certificates) -> Iterator[PostgresCluster]:
    cluster = PostgresCluster()
    try:
        for name in ("ca.crt", "server.crt", "server.key"):
            copy = Path(shutil.copy(certificates.path(name), cluster.data))
            copy.chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(copy, "postgres")
        rules = f"host postgres all 127.0.0.1/32 trust\nhostssl {DATABASE} all 127.0.0.1/32 cert\n"
        (cluster.data / "pg_hba.conf").write_text(rules)
        cluster.start("ssl=on", "ssl_ca_file=ca.crt", "ssl_cert_file=server.crt", "ssl_key_file=server.key")
        cluster.execute(f"CREATE DATABASE {DATABASE}")
        yield cluster
    finally:
        cluster.destroy()


@pytest.fixture(scope="module")
def rabbitmq(certificates: Certificates) -> Iterator[int]:
    """The port of a RabbitMQ node that speaks TLS with those it knows."""
    home, port = Path(tempfile.mkdtemp(prefix="watchtime-tls-")), free_port()
    config = f"listeners.ssl.1 = 127.0.0.1:{port}\nssl_options.verify = verify_peer\n"
    config += "ssl_options.fail_if_no_peer_cert = true\n"
    for option, name in (("cacertfile", "ca.crt"), ("certfile", "server.crt"), ("keyfile", "server.key")):
        config += f"ssl_options.{option} = {certificates.path(name)}\n"
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        find_program("rabbitmq-server", "/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin")
        epmd = Epmd()
        stack.callback(epmd.stop)
        node = RabbitNode("tls", home, epmd, config=config)
        stack.callback(node.kill)
        node.start()
        node.wait_ready()
        wait_for(lambda: answers(port), 20, "the TLS port listens")
        yield port


def encrypted(certificates: Certificates, postgresql: PostgresCluster, port: int, client: str) -> Environment:
    """Return settings of a service that shows the certificate of `client`, and insists on the authority's."""
    ours = {"certfile": certificates.path(f"{client}.crt"), "keyfile": certificates.path(f"{client}.key")}
    rabbitmq = {"ssl_options": repr({"ca_certs": certificates.path("ca.crt"), **ours})}
    key = certificates.path(f"{client}.key")
    Path(key).chmod(0o600)
    libpq = {
        "sslmode": "verify-full",
        "sslrootcert": certificates.path("ca.crt"),
        "sslcert": certificates.path(f"{client}.crt"),
        "sslkey": key,
    }
    return environment(
        DATABASE_URL=f"postgres://postgres@localhost:{postgresql.port}/{DATABASE}?{urlencode(libpq)}",
        BROKER_URL=f"amqps://guest:guest@localhost:{port}/?{urlencode(rabbitmq)}",
        CONSUMER_PORT=str(free_port()),
    )


def test_events_are_counted_over_tls(
    certificates: Certificates, postgresql: PostgresCluster, rabbitmq: int, tmp_path: Path
) -> None:
    env = encrypted(certificates, postgresql, rabbitmq, "postgres")
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(event(at=n).encode() for n in range(20)))
    manage(env, "migrate")
    with running(env, "consume"):
        manage(env, "publish_events", str(file))
        wait_for(lambda: handled(env["CONSUMER_PORT"]) == 20, 30, "all is counted")
    assert manage(env, "verify_totals").returncode == 0


def test_a_stranger_is_refused(
    certificates: Certificates, postgresql: PostgresCluster, rabbitmq: int, tmp_path: Path
) -> None:
    env = encrypted(certificates, postgresql, rabbitmq, "stranger")
    file = tmp_path / "events.jsonl"
    file.write_bytes(event().encode())
    for command in (["verify_totals"], ["publish_events", str(file)]):
        done = manage(env, *command, check=False)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "cannot be used" in done.stderr or "not available" in done.stderr


def test_a_server_of_another_authority_is_not_believed(
    certificates: Certificates, postgresql: PostgresCluster, rabbitmq: int, tmp_path: Path
) -> None:
    env = encrypted(certificates, postgresql, rabbitmq, "postgres")
    for name in ("DATABASE_URL", "BROKER_URL"):
        env[name] = env[name].replace("ca.crt", "stranger.crt")
    file = tmp_path / "events.jsonl"
    file.write_bytes(event().encode())
    for command in (["verify_totals"], ["publish_events", str(file)]):
        done = manage(env, *command, check=False)
        assert done.returncode == 1, done.stdout
        assert "certificate" in done.stderr.lower()
