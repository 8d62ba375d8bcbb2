"""The JavaScript that talks to a real server, and what came of it."""

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import services

HERE = Path(__file__).parent
PACKAGES = HERE / "node_modules"
SDL = services.ROOT / "schema" / "schema.graphql"
INSTALL_TIMEOUT = 300
Node = Callable[..., str]
Total = Callable[[str], int]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give whichever test has npm fetch its packages the time that this takes on an empty machine."""
    for item in items:
        if "node" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(INSTALL_TIMEOUT + 120))


@pytest.fixture(scope="session")
def node() -> Node:
    """Run one of the scripts here with its arguments; returns what it prints."""
    program, npm = services.require_program("node"), services.require_program("npm")
    installed, wanted = PACKAGES / ".package-lock.json", HERE / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
        command = [npm, "ci", "--silent", "--no-audit", "--no-fund"]
        install = subprocess.run(command, cwd=HERE, timeout=INSTALL_TIMEOUT)
        services.require(install.returncode == 0, "what tests/clients/package.json names")

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
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if user := _user(live_service, username):
                return int(user["totalWatchTime"])
            time.sleep(0.1)
        pytest.fail(f"nothing was counted for {username}")

    return total


def _user(address: str, username: str) -> dict[str, Any] | None:
    query = json.dumps({"query": f'{{ userTotalWatchTime(username: "{username}") {{ totalWatchTime }} }}'})
    request = urllib.request.Request(f"{address}/graphql/", query.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        user: dict[str, Any] | None = json.load(response)["data"]["userTotalWatchTime"]
    return user
