"""The commands of docs/operations.md, run as they stand there against a service that runs."""

import re
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from tests import services
from tests.processes import Environment, environment, free_port, manage, running, wait_for

PAGE = (services.ROOT / "docs" / "operations.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service() -> Iterator[Environment]:
    with services.own_database() as database, services.own_queue() as queue:
        env = environment(
            DATABASE_URL=database,
            BROKER_URL=services.RABBITMQ_URL,
            BROKER_QUEUE=queue,
            PORT=str(free_port()),
            CONSUMER_PORT=str(free_port()),
            HTTPS="true",
            ALLOW_ANONYMOUS="false",
        )
        manage(env, "migrate")
        with services.raw_channel() as channel, running(env, "serve"), running(env, "consume"):
            for port in (env["PORT"], env["CONSUMER_PORT"]):
                wait_for(lambda port=port: is_ready(port), 30, f"port {port} is ready")
            channel.basic_publish("", queue, b"no event")
            wait_for(lambda: "no event" in manage(env, "dead_letters", "list").stdout, 20, "a dead letter")
            yield env


def is_ready(port: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_there_are_commands() -> None:
    assert len(set(COMMANDS)) >= 12


@pytest.mark.parametrize("command", dict.fromkeys(COMMANDS))
def test_it_works_as_written(service: Environment, command: str) -> None:
    services.require_program(command.split()[0].replace(".venv/", str(services.ROOT / ".venv") + "/"))
    command = command.replace(":8000", f":{service['PORT']}").replace(":9100", f":{service['CONSUMER_PORT']}")
    done = subprocess.run(
        ["bash", "-ec", command], cwd=services.ROOT, env=service, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()
