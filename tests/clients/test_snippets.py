"""Runs the programs of the README, and the one command of docs/graphql.md, from the page."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.conftest import Node, Total
from tests.services import ROOT, require_program

PAGES = {name: ROOT / page for name, page in (("python", "README.md"), ("js", "README.md"), ("sh", "docs/graphql.md"))}
RELAY = {"src": ".", "schema": "schema.graphql", "language": "javascript"}


def snippets(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGES[language].read_text(), re.DOTALL)


def promised(program: str) -> str:
    """Return what the program prints, as the comment at its last line says."""
    return str(re.findall(r"(?:#|//) (\S+)\n", program)[-1])


@pytest.mark.parametrize(("number", "user", "total"), [(0, "dora", 90), (1, "emil", 180)], ids=["gql", "gql-async"])
def test_python(live_service: str, total_of: Total, number: int, user: str, total: int) -> None:
    program = snippets("python")[number].replace("http://127.0.0.1:8000", live_service)
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, promised(program)), done.stderr
    assert total_of(user) == total


@pytest.mark.parametrize(("number", "user"), [(0, "fay"), (1, "gus")], ids=["apollo", "urql"])
def test_javascript(live_service: str, node: Node, total_of: Total, number: int, user: str) -> None:
    program = snippets("js")[number].replace("http://127.0.0.1:8000", live_service)
    assert node("--input-type=module", "--eval", program).strip() == promised(program)
    assert total_of(user) == 90


def test_relay(live_service: str, node: Node, total_of: Total, workshop: Path) -> None:
    (workshop / "relay.config.json").write_text(json.dumps(RELAY))
    (workshop / "player.js").write_text(snippets("js")[2].replace("http://127.0.0.1:8000", live_service))
    node("node_modules/.bin/relay-compiler", cwd=workshop)
    node("compile.mjs", str(workshop / "player.js"), str(workshop / "player.cjs"))
    assert node("player.cjs", cwd=workshop).strip() == promised(snippets("js")[2])
    assert total_of("ines") == 90


def test_curl(live_service: str, total_of: Total) -> None:
    require_program("curl")
    command = snippets("sh")[0].replace("http://127.0.0.1:8000", live_service)
    done = subprocess.run(["bash", "-ec", command], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, promised(command)), done.stderr
    assert total_of("hugo") == 90


def test_every_snippet_is_run() -> None:
    assert [len(snippets(language)) for language in ("python", "js", "sh")] == [2, 3, 1]
