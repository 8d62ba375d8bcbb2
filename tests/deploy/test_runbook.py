"""The commands of docs/operations.md, run as they stand there against a service that runs."""

import re
import subprocess
from collections.abc import Iterator

import httpx
import pytest
from django.conf import settings

from tests import services
from tests.access.conftest import bearer
from tests.processes import (
    Environment,
    address_of,
    environment,
    free_port,
    migrated_database,
    wait_for,
    web_and_consumer,
)
from tests.queues import depths

PAGE = (services.ROOT / "docs" / "operations.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def service() -> Iterator[Environment]:
    with migrated_database() as database, services.own_queue() as queue:
        env = environment(
            DATABASE_URL=database,
            BROKER_URL=services.RABBITMQ_URL,
            BROKER_QUEUE=queue,
            PORT=str(free_port()),
            CONSUMER_PORT=str(free_port()),
            HTTPS="true",
            ALLOW_ANONYMOUS="false",
            JWT_SECRET=settings.JWT_SECRET,
        )
        with web_and_consumer(env):
            for port in (env["PORT"], env["CONSUMER_PORT"]):
                wait_for(lambda port=port: is_ready(port), 60, f"port {port} is ready")
            with services.raw_channel() as channel:
                channel.basic_publish("", queue, b"no event")
            wait_for(lambda: depths(queue) == (0, 1), 60, "a dead letter")
            refuse_an_event(env)
            yield env


def refuse_an_event(env: Environment) -> None:
    """Have the web server count a request, and an event that breaks the contract."""
    headers = {**bearer("events:publish"), "X-Forwarded-Proto": "https"}
    body = {"user": "anna", "slug": "no slug", "at": 60}
    assert httpx.post(address_of(env), json=body, headers=headers, timeout=20).status_code == 400


def is_ready(port: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5, verify=False).status_code == 200
    except httpx.TransportError:
        return False


def test_each_alert_has_commands_that_show_it_and_commands_that_fix_it() -> None:
    alerts = re.findall(r"^### (\w+)\n(.*?)(?=^##)", PAGE, re.DOTALL | re.MULTILINE)
    assert len(alerts) >= 13
    assert [name for name, section in alerts if section.count("```sh\n") < 2] == []


@pytest.mark.parametrize("command", sorted({command for command in COMMANDS if command.endswith("&")}))
def test_a_process_is_started_as_written(service: Environment, command: str) -> None:
    env = {**service, "PORT": str(free_port()), "CONSUMER_PORT": str(free_port())}
    port = env["PORT" if "serve" in command else "CONSUMER_PORT"]
    with subprocess.Popen(["bash", "-ec", f"exec {command.rstrip('& ')}"], cwd=services.ROOT, env=env) as process:
        try:
            wait_for(lambda: is_ready(port), 120, f"{command} is ready")
        finally:
            process.terminate()
        assert process.wait(20) == 0


@pytest.mark.parametrize("command", dict.fromkeys(command for command in COMMANDS if not command.endswith("&")))
def test_it_works_as_written(service: Environment, command: str) -> None:
    services.require_program(command.split()[0].replace(".venv/", str(services.ROOT / ".venv") + "/"))
    command = command.replace(":8000", f":{service['PORT']}").replace(":9100", f":{service['CONSUMER_PORT']}")
    done = subprocess.run(
        ["bash", "-ec", command], cwd=services.ROOT, env=service, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()
