"""The README, followed to the letter in a fresh copy of the project by someone who has only Python and make."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests import services
from tests.processes import Environment, answers, free_port, wait_for

BLOCK = re.compile(r"```sh\n(?P<command>.*?)```\n(?:\n```json\n(?P<answer>.*?)```)?", re.DOTALL)
BLOCKS = [match.groupdict() for match in BLOCK.finditer((services.ROOT / "README.md").read_text())]
SETTINGS = {line.partition("=")[0].lstrip("#") for line in (services.ROOT / ".env.example").read_text().splitlines()}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy what a clone would have: nothing that is ignored."""
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=services.ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(lambda name: (services.ROOT / name).is_file(), files.stdout.splitlines()):
        target = tmp_path / "copy" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(services.ROOT / name, target)
    return tmp_path / "copy"


@contextmanager
def running(command: str, copy: Path, env: Environment) -> Iterator[None]:
    """Run `make run` meanwhile, and stop it as Ctrl-C on a terminal does: a signal for the whole group."""
    process = subprocess.Popen(["bash", "-c", command], cwd=copy, env=env, start_new_session=True)
    try:
        wait_for(lambda: answers(int(env["PORT"])) or process.poll() is not None, 300, "the service listens")
        assert process.poll() is None, "it gave up"
        yield
        os.killpg(process.pid, signal.SIGINT)
        process.wait(20)
        assert not answers(int(env["PORT"])), "it stopped"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


def follow(command: str, answer: str | None, copy: Path, env: Environment) -> None:
    """Run a command of the page; where it shows an answer, that comes, at the latest when the event is counted."""

    def answers_so() -> bool:
        done = subprocess.run(["bash", "-ec", command], cwd=copy, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return answer is None or json.loads(done.stdout) == json.loads(answer)

    wait_for(answers_so, 15, f"{command} answers {answer}", every=0.2)


@pytest.mark.timeout(600)
def test_every_command_works_as_written(copy: Path) -> None:
    port = str(free_port())
    foreign = ("MAKE", "PYTHON", "DJANGO_SETTINGS_MODULE", "VIRTUAL_ENV")
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    env = {name: value for name, value in env.items() if name not in SETTINGS} | {"PORT": port, "WEB_WORKERS": "1"}
    seen = set()
    with ExitStack() as stack:
        database, queue = stack.enter_context(services.own_database()), stack.enter_context(services.own_queue())
        service = stack.enter_context(ExitStack())
        for block in BLOCKS:
            command = str(block["command"]).strip().replace(":8000", f":{port}")
            seen.add(command.split()[-1] if "make" in command else command.split()[0])
            if command == "make test":
                continue  # this is it
            if command.endswith("make run"):
                service.close()
                command = re.sub(r"DATABASE_URL=\S+", f"DATABASE_URL={database} BROKER_QUEUE={queue}", command)
                service.enter_context(running(command, copy, env))
            else:
                follow(command, block["answer"], copy, env)
    assert {"run", "test", "curl", ".venv/bin/python", "echo"} <= seen
