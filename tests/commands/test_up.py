"""`up` and `serve` as processes: an event in over HTTP, the totals out, whatever is killed."""

import json
import os
import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Environment, answers, environment, free_port, manage, migrate, running, wait_for


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    directory = tmp_path_factory.mktemp("up")
    env = environment(DATABASE_URL=f"sqlite:///{directory / 'db.sqlite3'}", PORT=str(free_port()), WEB_WORKERS="1")
    migrate(env)
    return env


@pytest.fixture(scope="module")
def up(service: Environment) -> Iterator[int]:
    """Run the service; give the process id of `up`."""
    with running(service, "up") as process:
        wait_for(lambda: answers(int(service["PORT"])), 60, "the server listens")
        yield process.pid
        process.terminate()
        assert process.wait(10) == 0
        assert not answers(int(service["PORT"])), "the server stopped, too"


def get(service: Environment, path: str, body: object = None) -> Any:
    """Send a GET, or a POST where there is a body; return the decoded answer."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{service['PORT']}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def total(service: Environment, user: str) -> int | None:
    answer = get(service, "/graphql/", {"query": f'{{ userTotalWatchTime(username: "{user}") {{ totalWatchTime }} }}'})
    viewer = answer["data"]["userTotalWatchTime"]
    return viewer and int(viewer["totalWatchTime"])


def children(pid: int) -> dict[str, int]:
    """Return the processes that `up` started, by the name of their command."""
    pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {Path(f"/proc/{child}/cmdline").read_text().split("\0")[2]: int(child) for child in pids}


def test_an_event_in_is_a_total_out(service: Environment, up: int) -> None:
    query = 'mutation { publishEvent(event: {user: "anna", slug: "alien", at: 60}) { id userErrors { message } } }'
    answer = get(service, "/graphql/", {"query": query})
    assert answer["data"]["publishEvent"]["userErrors"] == []
    wait_for(lambda: total(service, "anna") == 60, 5, "the total moves")


def test_a_killed_consumer_is_started_again_and_nothing_is_lost(service: Environment, up: int) -> None:
    consumer = children(up)["consume"]
    os.kill(consumer, signal.SIGKILL)
    assert get(service, "/", {"user": "ben", "slug": "alien", "at": 7}) == "ok"
    wait_for(lambda: total(service, "ben") == 7, 60, "the total moves")
    assert children(up)["consume"] != consumer


@pytest.fixture
def other(service: Environment) -> Environment:
    """The settings of a service on a port of its own."""
    return {**service, "PORT": str(free_port())}


def test_ctrl_c_stops_both(other: Environment) -> None:
    with running(other, "up") as process:
        wait_for(lambda: answers(int(other["PORT"])), 60, "the server listens")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert not answers(int(other["PORT"]))


@pytest.mark.parametrize("command", ["serve", "up"])
def test_a_port_that_is_taken_is_one_clear_error(service: Environment, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        done = manage({**service, "PORT": port}, command, check=False)
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
    assert "GraphiQL" not in done.stdout, "it speaks of a server that is not its own"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_child_outlives_its_parent(other: Environment, number: signal.Signals) -> None:
    with running(other, "up") as process:
        wait_for(lambda: answers(int(other["PORT"])), 60, "the server listens")
        pids = children(process.pid).values()
        process.send_signal(number)
        process.wait(20)
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 20, "the children end")
    assert not answers(int(other["PORT"]))
