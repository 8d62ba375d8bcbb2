"""The JavaScript that talks to a real server, and what came of it."""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import services
from tests.processes import wait_for

HERE = Path(__file__).parent
PACKAGES = HERE / "node_modules"
SDL = services.ROOT / "schema" / "schema.graphql"
Node = Callable[..., str]
Total = Callable[[str], int]


@pytest.fixture(scope="session")
def node() -> Node:
    """Run one of the scripts here with its arguments; returns what it prints."""
    program = services.require_program("node")
    services.require((PACKAGES / ".package-lock.json").exists(), "what `npm ci --prefix tests/clients` installs")

    def run(script: str, *arguments: str, cwd: Path = HERE) -> str:
        done = subprocess.run([program, script, *arguments], cwd=cwd, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def workshop(node: Node, tmp_path: Path) -> Path:
    """Give a directory for tools that write files, with the SDL and npm's packages."""
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    shutil.copy(SDL, tmp_path)
    return tmp_path


@pytest.fixture
def total_of(live_service: str) -> Total:
    """Wait until something was counted for a viewer, and return the total."""

    def total(username: str) -> int:
        wait_for(lambda: _user(live_service, username), 10, f"something is counted for {username}", every=0.1)
        user = _user(live_service, username)
        assert user is not None
        return int(user["totalWatchTime"])

    return total


def _user(address: str, username: str) -> dict[str, Any] | None:
    query = json.dumps({"query": f'{{ userTotalWatchTime(username: "{username}") {{ totalWatchTime }} }}'})
    request = urllib.request.Request(f"{address}/graphql/", query.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        user: dict[str, Any] | None = json.load(response)["data"]["userTotalWatchTime"]
    return user
