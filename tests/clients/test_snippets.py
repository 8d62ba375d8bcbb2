"""Runs the programs of docs/clients.md from the page, by the commands that stand under them."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import services
from tests.clients.conftest import HERE, Total

PAGE = (services.ROOT / "docs" / "clients.md").read_text()
BLOCK = re.compile(r'```(?P<language>\w+)(?: title="(?P<name>[^"]+)")?\n(?P<text>.*?)```', re.DOTALL)
INSTALL = re.compile(r"(?:pip|npm) install(?: --save-dev)? (.*)")
# The viewer of each program's event, and the seconds that it reports.
COUNTED = {
    "curl": ("hugo", 90),
    "JavaScript: fetch": ("eva", 90),
    "Python: gql": ("dora", 90),
    "Python: gql with asyncio": ("emil", 180),
    "JavaScript: Apollo Client": ("fay", 90),
    "JavaScript: urql": ("gus", 90),
    "JavaScript: Relay": ("ines", 90),
}


class Program(NamedTuple):
    """A section of the page: what it installs, its files by name, its commands, and what they print."""

    packages: list[str]
    files: dict[str, str]
    commands: str
    output: str


def programs() -> dict[str, Program]:
    sections = dict(part.split("\n", 1) for part in PAGE.split("\n## ")[1:])
    return {title: program(text) for title, text in sections.items() if "```sh" in text}


def program(section: str) -> Program:
    blocks = [match.groupdict() for match in BLOCK.finditer(section)]
    shell = "".join(block["text"] for block in blocks if block["language"] == "sh")
    packages = [name.strip('"') for line in INSTALL.findall(shell) for name in line.split()]
    files = {block["name"]: block["text"] for block in blocks if block["name"]}
    promised = re.findall(r"(?:#|//) (\S+)\n", "".join(block["text"] for block in blocks))
    return Program(packages, files, INSTALL.sub("", shell).strip(), promised[-1])


@pytest.mark.parametrize("title", COUNTED)
def test_it_runs_as_pasted(title: str, live_service: str, workshop: Path, total_of: Total) -> None:
    pasted = programs()[title]
    for name, text in pasted.files.items():
        (workshop / name).write_text(text.replace("http://127.0.0.1:8000", live_service))
    services.require_program("curl")
    done = subprocess.run(
        ["bash", "-ec", pasted.commands.replace("http://127.0.0.1:8000", live_service)],
        cwd=workshop,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip().splitlines()[-1] == pasted.output
    user, total = COUNTED[title]
    assert total_of(user) == total


def test_every_program_is_run() -> None:
    assert set(programs()) == set(COUNTED)


def test_the_packages_that_it_installs_are_those_that_the_tests_have() -> None:
    known = set(json.loads((HERE / "package.json").read_text())["dependencies"])
    project = tomllib.loads((services.ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    known |= {re.split(r"[<>=;\s]", requirement)[0] for requirement in wanted}
    assert {name for each in programs().values() for name in each.packages} <= known
