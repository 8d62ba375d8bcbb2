"""A real server, and the JavaScript that talks to it."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import processes, services

HERE = Path(__file__).parent
Node = Callable[..., str]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a web server with an empty database of its own."""
    database, port = tmp_path_factory.mktemp("server") / "db.sqlite3", processes.free_port()
    env = processes.environment(DATABASE_URL=f"sqlite:///{database}", BROKER_URL="database://", PORT=str(port))
    processes.manage(env, "migrate", "--verbosity", "0")
    with processes.running(env, "serve"):
        processes.wait_for(lambda: processes.answers(port), 20, "the web server")
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def node() -> Node:
    """Run one of the scripts here with its arguments; returns what it prints."""
    program, npm = services.require_program("node"), services.require_program("npm")
    if not (HERE / "node_modules" / ".package-lock.json").exists():
        install = subprocess.run([npm, "ci", "--silent", "--no-audit", "--no-fund"], cwd=HERE, timeout=300)
        services.require(install.returncode == 0, "what tests/clients/package.json names")

    def run(script: str, *arguments: str) -> str:
        done = subprocess.run([program, script, *arguments], cwd=HERE, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
