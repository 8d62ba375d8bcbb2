"""The service's commands as real processes, each with an environment of its own."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests import services
from tests.once import DIRECTORY, at_end, once
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
        "WEB_WORKERS": "1",  # each imports everything once more
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


def manage_all(env: Environment, *commands: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run commands to their ends one after the other, in one process."""
    calls = [f"call_command(*{list(command)})" for command in commands]
    return manage(
        env, "shell", "--no-imports", "-c", "\n".join(["from django.core.management import call_command", *calls])
    )


def migrate(env: Environment) -> None:
    """Make the tables of a process's SQLite database: a copy of those that were made for the first who asked."""
    shutil.copy(once("sqlite", _migrated_file), env["DATABASE_URL"].removeprefix("sqlite:///"))


def _migrated_file() -> str:
    file = DIRECTORY / "migrated.sqlite3"
    manage(environment(DATABASE_URL=f"sqlite:///{file}"), "migrate")
    return str(file)


@contextmanager
def migrated_database() -> Iterator[str]:
    """Make a PostgreSQL database with the service's tables, in the same way; give its URL."""
    with services.own_database(template=once("postgresql", _migrated_template)) as url:
        yield url


def _migrated_template() -> str:
    name = services.new_database()
    manage(environment(DATABASE_URL=services.database_url(name)), "migrate")
    return name


at_end("postgresql", services.drop_database)


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
def serving(directory: Path, stderr: IO[str] | None = None, **settings: str) -> Iterator[str]:
    """Run web server and consumer on a database in the directory; give their address."""
    database = f"sqlite:///{directory / 'db.sqlite3'}"
    env = environment(DATABASE_URL=database, PORT=str(free_port()), **settings)
    migrate(env)
    with web_and_consumer(env, stderr):
        yield address_of(env)


@contextmanager
def web_and_consumer(env: Environment, stderr: IO[str] | None = None) -> Iterator[None]:
    """Run both in processes of their own, as in production. The consumer may begin to consume a moment later."""
    collect_static()
    with running(env, "serve", stderr=stderr), running(env, "consume", stderr=stderr):
        wait_for(lambda: answers(int(env["PORT"])), 60, "the web server listens")
        yield


def address_of(env: Environment) -> str:
    return f"http://127.0.0.1:{env['PORT']}"


def collect_static() -> None:
    """Copy the pages' files to where every web server of the checkout looks for them."""
    once("static", lambda: manage(environment(), "collectstatic", "--no-input").stdout)


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
