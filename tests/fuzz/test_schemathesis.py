"""Hundreds of generated requests, right and wrong ones, against the real server."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.processes import environment, serving, wait_for
from tests.services import ROOT

HERE = Path(__file__).parent
TIMEOUT = 240  # seconds; 15 are enough, unless much else runs on the machine
EVENT = json.dumps({"user": "ann", "slug": "heat", "at": 407}).encode()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "log"


@pytest.fixture(scope="module")
def service(log: Path) -> Iterator[str]:
    """Run a service of these tests' own, for they fill it with nonsense; it has counted one event."""
    with log.open("w") as stderr, serving(log.parent, stderr=stderr) as address:
        urlopen(Request(address, EVENT, {"Content-Type": "application/json"})).close()
        wait_for(lambda: json.load(urlopen(address))["results"], 10, "the event is counted")
        yield address


def run(location: str, configuration: str, examples: int, directory: Path) -> dict[str, Any]:
    """Have schemathesis try everything that the document at the location describes; return its report."""
    options = ["--report", "json", "--report-json-path", str(directory / "report.json")]
    options += ["--max-examples", str(examples)]
    settings = ["--config-file", str(HERE / f"{configuration}.toml")]
    command = [sys.executable, "-m", "schemathesis.cli", *settings, "run", location, *options]
    env = environment(PYTHONPATH=str(ROOT))
    done = subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads((directory / "report.json").read_text())
    return report


@pytest.mark.timeout(TIMEOUT + 100)
@pytest.mark.parametrize(
    ("path", "configuration", "examples", "requests"),
    [
        ("/graphql/", "graphql", 10, 200),
        ("/swagger.json", "rest", 20, 300),
        pytest.param("/graphql/", "graphql", 40, 800, marks=pytest.mark.long),
        pytest.param("/swagger.json", "rest", 62, 500, marks=pytest.mark.long),
    ],
)
def test_no_request_gets_what_is_not_documented(
    service: str, log: Path, tmp_path: Path, path: str, configuration: str, examples: int, requests: int
) -> None:
    report = run(service + path, configuration, examples, tmp_path)
    assert (report["complete"], report["failures"], report["errors"]) == (True, [], [])
    assert report["operations"]["tested"] == report["operations"]["total"] > 0
    assert report["test_cases"]["generated"] >= requests
    assert "Traceback" not in log.read_text()
