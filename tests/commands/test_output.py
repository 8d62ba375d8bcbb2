"""A command whose output goes nowhere: to a pipe that nobody reads, a full disk, or a descriptor that is closed."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes import Environment, environment, migrate
from tests.services import ROOT


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    """Give a database with more dead letters than a pipe holds."""
    database = tmp_path / "db.sqlite3"
    made = environment(DATABASE_URL=f"sqlite:///{database}")
    migrate(made)
    insert = (
        "INSERT INTO broker_message (queue, body, sent_at, deliveries, reason) "
        "VALUES ('watch-time.dead', ?, '2026-01-01', 0, 'wrong')"
    )
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(insert, [(b"x" * 500,) for _ in range(2_000)])
    return made


@pytest.mark.parametrize(
    ("limit", "redirection", "code", "told"),
    [
        (2_000, "| head -c 1", 141, ""),
        (2_000, "> /dev/full", 1, "CommandError: cannot write: No space left on device\n"),
        (1, "> /dev/full", 1, "CommandError: cannot write: No space left on device\n"),
        (1, ">&-", 0, ""),
    ],
)
def test_it_is_no_traceback(env: Environment, limit: int, redirection: str, code: int, told: str) -> None:
    command = f"{sys.executable} manage.py dead_letters list --limit {limit} {redirection}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (code, told)


def test_errors_go_nowhere_where_nobody_wants_them(env: Environment) -> None:
    command = f"exec {sys.executable} manage.py dead_letters purge 2>&-"
    assert subprocess.run(["bash", "-c", command], cwd=ROOT, env=env, timeout=120).returncode == 1
