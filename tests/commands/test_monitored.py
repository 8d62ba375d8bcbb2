"""The processes as an operator on call sees them: probes, metrics of all workers, and logs to follow a request by."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests import services
from tests.processes import Environment, environment, free_port, manage, migrate, migrated_database, running, wait_for

REQUESTS = 12
pytestmark = pytest.mark.slow


@pytest.fixture
def monitored(rabbitmq_queue: str) -> Iterator[Environment]:
    with migrated_database() as database:
        env = environment(
            DATABASE_URL=database,
            BROKER_URL=services.RABBITMQ_URL,
            BROKER_QUEUE=rabbitmq_queue,
            PORT=str(free_port()),
            CONSUMER_PORT=str(free_port()),
            WEB_WORKERS="2",
            LOG_FORMAT="json",
        )
        yield env


def get(env: Environment, port: str, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{env[port]}{path}", timeout=5, verify=False)


def is_ready(env: Environment, port: str) -> bool:
    try:
        return get(env, port, "/readyz").status_code == 200
    except httpx.TransportError:
        return False


def value(text: str, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_a_request_is_followed_from_the_endpoint_to_the_fold(monitored: Environment, tmp_path: Path) -> None:
    web_log, consumer_log = tmp_path / "web", tmp_path / "consumer"
    with (
        web_log.open("w") as web_stderr,
        consumer_log.open("w") as consumer_stderr,
        running(monitored, "serve", stderr=web_stderr),
        running(monitored, "consume", stderr=consumer_stderr),
    ):
        wait_for(lambda: is_ready(monitored, "PORT"), 30, "the web server is ready")
        wait_for(lambda: is_ready(monitored, "CONSUMER_PORT"), 30, "the consumer is ready")
        url = f"http://127.0.0.1:{monitored['PORT']}/"
        for number in range(REQUESTS):  # each over a connection of its own, so that both workers get some
            event = {"user": "anna", "slug": "alien", "at": number}
            assert httpx.post(url, json=event, headers={"X-Request-ID": f"follow-{number}"}).status_code == 200
        httpx.get(f"{url}users/anna/total-watch-time/")
        httpx.get(f"{url}users/nobody-of-this-name/total-watch-time/")
        folded = "watchtime_events_folded_total"
        wait_for(lambda: value(get(monitored, "CONSUMER_PORT", "/metrics").text, folded) == REQUESTS, 20, "all counted")
        web = [get(monitored, "PORT", "/metrics").text for _ in range(4)]
    published = 'watchtime_events_published_total{endpoint="rest"}'
    assert [value(text, published) for text in web] == [REQUESTS] * 4, "of both workers, whichever answers"
    for log in (web_log, consumer_log):
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert all({"timestamp", "level", "logger", "message"} <= line.keys() for line in lines)
        assert not re.search("anna|nobody-of-this-name|alien", log.read_text())
        for number in range(REQUESTS):
            assert f'"follow-{number}"' in log.read_text()


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize(("command", "port"), [("serve", "PORT"), ("consume", "CONSUMER_PORT")])
def test_what_hangs_is_named_within_two_seconds(command: str, port: str, silent: int) -> None:
    env = environment(
        DATABASE_URL=f"postgres://someone@127.0.0.1:{silent}/watchtime",
        BROKER_URL=f"amqp://guest:guest@127.0.0.1:{silent}/",
        **{port: str(free_port())},
    )
    with running(env, command) as process, ExitStack() as stack:
        wait_for(lambda: process.poll() is not None or not is_refused(env, port), 30, "it listens")
        if command == "serve":  # all its threads wait for the database
            for _ in range(8 * int(env["WEB_THREADS"])):
                stack.enter_context(waiting_request(env))
        for _ in range(2):
            response = get(env, port, "/readyz")
            assert response.elapsed.total_seconds() < 2
            assert response.status_code == 503
            assert {"database", "migrations", "broker"} <= set(response.json()["failed"])
            assert re.search("no answer|timeout", response.json()["checks"]["database"]["error"])
        assert get(env, port, "/livez").status_code == 200
        assert 'watchtime_check_up{check="broker"} 0.0' in get(env, port, "/metrics").text
        if command == "consume":
            process.kill()  # it hangs, as it is told to; how it ends then is for others to test


@contextmanager
def waiting_request(env: Environment) -> Iterator[None]:
    """Ask for what the database has to answer, and do not wait for it."""
    with socket.create_connection(("127.0.0.1", int(env["PORT"]))) as client:
        client.sendall(b"GET /admin/login/ HTTP/1.1\r\nHost: localhost\r\nCookie: sessionid=abc\r\n\r\n")
        yield


def is_refused(env: Environment, port: str) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", int(env[port]))) != 0


def test_a_consumers_port_that_is_taken_is_one_line(tmp_path: Path, silent: int) -> None:
    env = environment(DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}", CONSUMER_PORT=str(silent))
    done = manage(env, "consume", check=False)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{silent}" in done.stderr
    assert "Traceback" not in done.stderr


def test_text_is_for_people(tmp_path: Path) -> None:
    env = environment(DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}", PORT=str(free_port()), LOG_REQUESTS="true")
    migrate(env)
    log = tmp_path / "log"
    with log.open("w") as stderr, running(env, "serve", stderr=stderr):
        wait_for(lambda: is_ready(env, "PORT"), 30, "the web server is ready")
        httpx.get(f"http://127.0.0.1:{env['PORT']}/swagger.json", headers={"X-Request-ID": "abc-1"})
    assert re.search(r"INFO watchtime.requests: rest GET /swagger.json: 200 in \S+ ms \[abc-1\]", log.read_text())
