"""`serve` as a process: what it does with hostile clients, signals, a missing database, and when it is killed."""

import http.client
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Environment, answers, environment, free_port, manage, migrate, running, wait_for

SECONDS = float(os.environ.get("SERVE_SECONDS", "5"))  # that hostile clients stay; 60 for the long form
START = 60.0
QUERY = json.dumps({"query": '{ userTotalWatchTime(username: "ada") { totalWatchTime } }'}).encode()
LARGE = b"GET /static/admin/js/vendor/jquery/jquery.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"  # 280 kB
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    directory = tmp_path_factory.mktemp("serve")
    env = environment(DATABASE_URL=f"sqlite:///{directory / 'db.sqlite3'}", PORT=str(free_port()), WEB_WORKERS="1")
    migrate(env)
    manage(env, "collectstatic", "--no-input")
    return env


def _command_line(pid: str) -> str:
    """Return a process's command line; nothing when it has just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Running:
    """A web server that listens, and what it printed."""

    def __init__(self, process: "subprocess.Popen[str]", port: int, log: Path) -> None:
        self.process, self.port, self._log = process, port, log

    def log(self) -> str:
        return self._log.read_text()

    def workers(self) -> set[int]:
        """Return the ids of the workers' processes."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {int(child) for child in children if "spawn_main" in _command_line(child)}

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        """Send a request; return the status and the decoded answer."""
        with closing(self.connect()) as connection:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())


@pytest.fixture(scope="module")
def shared(service: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server for the tests that let it live."""
    with started({**service, "PORT": str(free_port())}, tmp_path_factory.mktemp("shared")) as server:
        yield server


@pytest.fixture
def serve(service: Environment, tmp_path: Path) -> Iterator[Running]:
    """A server of one test's own, which may kill it."""
    with started(service, tmp_path) as server:
        yield server


class started(ExitStack):  # noqa: N801, a context manager
    """Run `serve` meanwhile; give it when it listens."""

    def __init__(self, service: Environment, directory: Path) -> None:
        super().__init__()
        self._service, self._log = service, directory / "serve.log"

    def __enter__(self) -> Running:  # type: ignore[override]
        stderr = self.enter_context(self._log.open("w"))
        process = self.enter_context(running(self._service, "serve", stderr=stderr, stdout=stderr))
        port = int(self._service["PORT"])
        wait_for(lambda: "  Admin " in self._log.read_text(), START, "the server says that it listens")
        return Running(process, port, self._log)


def head(path: str, content_type: str, *more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {content_type}", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post(body: bytes) -> bytes:
    return head("/graphql/", "application/json", f"Content-Length: {len(body)}") + body


HALVES = [
    head("/graphql/", "application/json", "Content-Length: 500") + b'{"query":',
    head("/", FORM, "Content-Length: 500") + b"user=ada&",
    head("/graphql/", "application/json", "Transfer-Encoding: chunked") + b'9\r\n{"query',
]


class Hostile:
    """Many connections that ordinary and less ordinary clients keep busy without end."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sockets: list[socket.socket] = []

    def connect(self, first: bytes = b"", receive_buffer: int = 0) -> socket.socket:
        client = socket.socket()
        self._sockets.append(client)
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(30)
        client.connect(("127.0.0.1", self._port))
        client.sendall(first)
        return client

    def keep_idle(self) -> None:
        """Ask once, then keep the connection."""
        assert self.connect(post(QUERY)).recv(65_536).startswith(b"HTTP/1.1 200")

    def keep_unread(self) -> None:
        """Ask again and again for something large, and read none of it."""
        client = self.connect(receive_buffer=2048)
        client.setblocking(False)
        try:
            while True:
                client.sendall(LARGE * 100)
        except BlockingIOError:
            return

    def close(self) -> None:
        for client in self._sockets:
            client.close()


def test_slow_and_idle_clients_hold_up_nobody(shared: Running) -> None:
    with closing(Hostile(shared.port)) as hostile:
        for _ in range(500):
            hostile.keep_idle()
        for _ in range(200):
            hostile.connect()
        for number in range(64):
            hostile.connect(HALVES[number % len(HALVES)])
        for _ in range(64):
            hostile.keep_unread()
        latencies, end = [], time.monotonic() + SECONDS
        while time.monotonic() < end:
            begin = time.monotonic()
            assert shared.ask("POST", "/graphql/", QUERY)[0] == 200
            latencies.append(time.monotonic() - begin)
    assert len(latencies) >= 10 * SECONDS
    assert statistics.quantiles(latencies, n=20)[-1] < 0.1


def test_a_body_in_chunks_counts_like_any_other(shared: Running) -> None:
    with closing(shared.connect()) as connection:
        event = [b'{"user": "ada", ', b'"slug": "dune", "at": 7}']
        connection.request("POST", "/", iter(event), {"Content-Type": "application/json"}, encode_chunked=True)
        assert json.load(connection.getresponse()) == "ok"


def test_it_says_that_it_listens(shared: Running) -> None:
    assert f"Listening on http://127.0.0.1:{shared.port}" in shared.log()


def test_a_client_s_mistake_is_no_warning(shared: Running) -> None:
    before = shared.log()
    assert shared.ask("GET", "/users/nobody/total-watch-time/")[0] == 404
    assert shared.ask("POST", "/", b"{")[0] == 400
    assert shared.ask("GET", "/?" + "&".join(f"a{n}=1" for n in range(1_001)))[0] == 400
    with closing(shared.connect()) as connection:
        connection.request("POST", "/", "&".join(f"a{n}=1" for n in range(1_001)), {"Content-Type": FORM})
        assert connection.getresponse().status == 400
    assert "WARNING" not in shared.log()[len(before) :]
    assert "Traceback" not in shared.log()


def test_killed_workers_are_replaced_and_a_clean_stop_is_one(serve: Running) -> None:
    (worker,) = serve.workers()
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: serve.workers() and worker not in serve.workers(), START, "a new worker")
    wait_for(lambda: answers(serve.port), START, "it listens")
    serve.process.terminate()
    assert serve.process.wait(15) == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent(serve: Running, number: signal.Signals) -> None:
    workers = [str(worker) for worker in serve.workers()]
    assert workers
    serve.process.send_signal(number)
    serve.process.wait(15)
    wait_for(lambda: not any(map(_command_line, workers)), 15, "the workers have ended")
    assert not answers(serve.port)


def test_a_restart_by_sighup_refuses_nobody(service: Environment, tmp_path: Path) -> None:
    with started(service, tmp_path) as serve:
        failures: list[BaseException] = []
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                try:
                    assert serve.ask("POST", "/graphql/", QUERY)[0] == 200
                except (AssertionError, OSError, http.client.HTTPException) as error:
                    failures.append(error)

        clients = [threading.Thread(target=ask) for _ in range(2)]
        for client in clients:
            client.start()
        old = serve.workers()
        serve.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(serve.workers()) == 1 and not serve.workers() & old, START, "a new worker alone")
        stop.set()
        for client in clients:
            client.join()
        assert failures == []


@pytest.mark.parametrize("command", ["serve", "verify_totals", "rebuild_totals"])
def test_missing_migrations_are_one_line(service: Environment, tmp_path: Path, command: str) -> None:
    done = manage({**service, "DATABASE_URL": f"sqlite:///{tmp_path / 'empty.sqlite3'}"}, command, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"CommandError: run manage\.py migrate; not applied: .*\n", done.stderr)


def test_a_database_that_is_away_is_one_line_and_503(service: Environment, tmp_path: Path) -> None:
    away = f"postgres://someone:s3cr3t@127.0.0.1:{free_port()}/watchtime"
    with started({**service, "DATABASE_URL": away}, tmp_path) as serve:
        before = serve.log()
        status, answer = serve.ask("GET", "/users/ada/total-watch-time/")
        assert (status, answer) == (503, {"detail": "The service is not available now"})
        wait_for(lambda: "Answered 503" in serve.log() and serve.log().endswith("\n"), 5, "it is logged")
        (line,) = [line for line in serve.log()[len(before) :].splitlines() if re.match(r"[0-9]{4}-", line)]
        assert "someone@127.0.0.1" in line
        assert "s3cr3t" not in serve.log()


@pytest.mark.parametrize("command", ["migrate", "verify_totals", "rebuild_totals", "createsuperuser"])
@pytest.mark.parametrize("url", ["sqlite:////no/such/directory/db.sqlite3", "postgres://u:s3cr3t@127.0.0.1:1/d"])
def test_a_wrong_database_is_one_line(service: Environment, command: str, url: str) -> None:
    done = manage({**service, "DATABASE_URL": url}, command, check=False)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("CommandError")]
    assert "Traceback" not in done.stderr
    assert "s3cr3t" not in done.stderr
    assert url.rpartition("@")[2].removeprefix("sqlite:///") in line
