"""With LOG_FORMAT=json every line that a process writes is a JSON object, also of one that does not start."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.processes import Environment, environment, free_port, manage, migrate, running, wait_for
from tests.services import ROOT

FIELDS = {"timestamp", "level", "logger", "message"}


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    return environment(
        DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}",
        PORT=str(free_port()),
        WEB_WORKERS="1",
        LOG_FORMAT="json",
    )


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def parsed(output: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in output.splitlines()]
    assert all(line.keys() >= FIELDS for line in lines)
    return lines


def test_what_a_running_service_says(env: Environment, tmp_path: Path) -> None:
    """Granian's own lines and those of `up` about a child that was killed are among them."""
    migrate(env)
    log = tmp_path / "log"

    def said(text: str) -> bool:
        return text in log.read_text()

    with log.open("w") as output, running(env, "up", stderr=output, stdout=output) as up:
        wait_for(lambda: said("Listening on"), 60, "the server listens")
        assert httpx.get(f"http://127.0.0.1:{env['PORT']}/swagger.json").status_code == 200
        serve, consume = (child_of(up.pid, name) for name in ("serve", "consume"))
        os.kill(child_of(serve, "spawn_main"), signal.SIGKILL)
        wait_for(lambda: said("Unexpected exit from worker"), 30, "granian says that a worker ended")
        os.kill(consume, signal.SIGKILL)
        wait_for(lambda: said("consume was killed by SIGKILL"), 30, "up says so")
    lines = parsed(log.read_text())
    loggers = {line["logger"] for line in lines}
    assert {"_granian", "watchtime.processes", "watchtime.requests", "watchtime.management.commands.consume"} <= loggers
    assert "consume was killed" in next(
        line["message"] for line in lines if line["level"] == "ERROR" and "killed" in line["message"]
    )


def child_of(pid: int, word: str) -> int:
    pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return next(int(child) for child in pids if word in Path(f"/proc/{child}/cmdline").read_text())


@pytest.mark.parametrize(
    ("command", "wrong", "reason"),
    [
        ("serve", {}, "run manage.py migrate"),
        ("consume", {}, "run manage.py migrate"),
        ("serve", {"PORT": "no port"}, "The settings are wrong"),
        ("consume", {"SECRET_KEY": "short"}, "The settings are wrong"),
        ("up", {"CONSUMER_LINGER_MS": "-1", "PORT": "0"}, "The settings are wrong"),
        ("up", {}, "stopped with exit code 1"),
        ("verify_totals", {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"}, "cannot be used"),
    ],
)
def test_what_a_process_that_does_not_start_says(
    env: Environment, command: str, wrong: dict[str, str], reason: str
) -> None:
    done = manage({**env, **wrong}, command, check=False)
    assert done.returncode == 1
    lines = parsed(done.stderr + done.stdout)
    assert any(reason in line["message"] and line["level"] in ("ERROR", "CRITICAL") for line in lines)


def test_a_port_that_is_taken(env: Environment, taken: int) -> None:
    migrate(env)
    for command, port in (("serve", "PORT"), ("consume", "CONSUMER_PORT")):
        done = manage({**env, port: str(taken)}, command, check=False)
        assert done.returncode == 1
        assert f"cannot listen on 127.0.0.1:{taken}" in parsed(done.stderr)[-1]["message"]


def test_an_error_that_nobody_expected_has_its_traceback_in_the_line(env: Environment) -> None:
    code = "import manage, watchtime.migrated as m; m.unapplied_migrations = lambda: 1 / 0; manage.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "consume"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in parsed(done.stderr)[-1]["exc_info"]
