"""The service's commands as real processes, each with an environment of its own."""

import atexit
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO

from tests.services import ROOT

Environment = dict[str, str]
EXAMPLE = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
STOP_TIMEOUT = 15.0


def environment(**settings: str) -> Environment:
    """Return the environment of a process that reads these settings, the example's else, and nobody's .env."""
    base = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG", "TMPDIR"}}
    return {
        **base,
        **EXAMPLE,
        "ALLOW_ANONYMOUS": "true",
        "SECRET_KEY": "only-for-tests-" + "0123456789" * 5,
        **settings,
    }


def manage(
    env: Environment, *arguments: str, check: bool = True, root: Path = ROOT
) -> "subprocess.CompletedProcess[str]":
    """Run a command of the checkout `root` to its end."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=root, env=env, capture_output=True, text=True, timeout=120
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def migrate(env: Environment) -> None:
    """Make the tables of a process's SQLite database: a copy of those that were made for the first who asked."""
    shutil.copy(_migrated(), env["DATABASE_URL"].removeprefix("sqlite:///"))


@cache
def _migrated() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="watchtime-migrated-"))
    atexit.register(shutil.rmtree, directory)
    file = directory / "db.sqlite3"
    manage(environment(DATABASE_URL=f"sqlite:///{file}"), "migrate")
    return file


@contextmanager
def running(
    env: Environment,
    *arguments: str,
    stderr: IO[str] | None = None,
    stdout: IO[str] | None = None,
    root: Path = ROOT,
) -> Iterator["subprocess.Popen[str]"]:
    """Run a command meanwhile; at the end it is told to stop, and killed when it does not."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=root,
        env={**env, **_measured()},
        text=True,
        stderr=stderr,
        stdout=stdout,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _measured() -> Environment:
    """Return what has coverage measure a process, where it measures the tests.

    Only those that run for a while: it adds a second to each start, and short commands are tested in-process as well.
    """
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_PROCESS_")}


@contextmanager
def serving(directory: Path, stderr: IO[str] | None = None) -> Iterator[str]:
    """Run web server and consumer in processes of their own, as in production; give their address."""
    port = free_port()
    env = environment(DATABASE_URL=f"sqlite:///{directory / 'db.sqlite3'}", PORT=str(port))
    migrate(env)
    manage(env, "collectstatic", "--no-input")
    with running(env, "up", stderr=stderr):
        wait_for(lambda: answers(port), 60, "the web server")
        yield f"http://127.0.0.1:{port}"


def wait_for(condition: Callable[[], object], seconds: float, what: str, every: float = 0.05) -> None:
    """Return once a condition holds; fail when it does not within these seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(every)


def let_pass(seconds: float, why: str) -> None:
    """Let time pass where no condition tells when it is over. `why` says what takes so long, or must not happen."""
    assert why
    time.sleep(seconds)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
