"""The way of deploy/compose.yaml without Docker: the image's files, read-only, without rights, behind the proxy.

What the image's base, its user and the network between containers do is not shown by this.
"""

import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests import services
from tests.processes import answers, free_port, wait_for

DEPLOY = services.ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
SERVICES: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
GIVEN = {
    "DOMAIN": "localhost",
    "SECRET_KEY": "0123456789" * 6,
    "JWT_SECRET": "abcdefghij" * 6,
    "POSTGRES_PASSWORD": "any",
    "RABBITMQ_PASSWORD": "any",
}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """What the image holds, made by the steps of the Dockerfile, with nothing in it that can be written."""
    directory = Path(tempfile.mkdtemp(prefix="watchtime-image-"))
    directory.chmod(0o755)
    app = directory / "app"
    let_through = set(re.findall(r"^!(\S+)$", (services.ROOT / ".dockerignore").read_text(), re.MULTILINE))
    for name in let_through:
        source, target = services.ROOT / name, app / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy2(source, target)
    (app / ".venv").symlink_to(services.ROOT / ".venv")
    step = re.search(r"RUN (SECRET_KEY=.*?)\n\n", DOCKERFILE, re.DOTALL)
    assert step
    subprocess.run(["bash", "-ec", step[1]], cwd=app, env={"PATH": os.environ["PATH"]}, check=True)
    subprocess.run(["chmod", "-R", "a+rX,a-w", app], check=True)
    yield app
    subprocess.run(["chmod", "-R", "u+w", app], check=True)
    shutil.rmtree(directory)


def interpolated(text: str) -> str:
    """Fill in ${NAME}, ${NAME:-default} and ${NAME:?error} as Compose does."""
    return re.sub(r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}", lambda found: GIVEN.get(found[1], found[2] or ""), text)


def environment(service: str, **other: str) -> dict[str, str]:
    """Return the environment that the image and the Compose file give a service."""
    (lines,) = re.findall(r"^ENV (.*?)\n[A-Z]", DOCKERFILE, re.MULTILINE | re.DOTALL)
    image_gives = dict(re.findall(r"(\w+)=(\S+)", lines))
    image_gives["PATH"] = f"{services.ROOT}/.venv/bin:{os.environ['PATH']}"
    return image_gives | {name: interpolated(text) for name, text in SERVICES[service]["environment"].items()} | other


@contextmanager
def running(command: list[str], app: Path, env: dict[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as output:
        process = subprocess.Popen(without_rights(command), cwd=app, env=env, stderr=output)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def without_rights(command: list[str]) -> list[str]:
    """Return how to run a command without capabilities, as in the container: even root writes nothing read-only."""
    return ["setpriv", "--bounding-set=-all", "--no-new-privs", *command] if os.geteuid() == 0 else command


def is_healthy(service: str, app: Path, ports: dict[str, str]) -> bool:
    """Run the health check that the Compose file has for a service."""
    _, *command = SERVICES[service]["healthcheck"]["test"]
    command = [ports.get(part.split("/")[2].rpartition(":")[2], part) if "//" in part else part for part in command]
    env = {"PATH": f"{services.ROOT}/.venv/bin"}
    return subprocess.run(command, cwd=app, env=env, capture_output=True, timeout=20).returncode == 0


@pytest.mark.parametrize("service", ["migrate", "web", "consumer"])
def test_the_settings_are_taken_as_they_stand(image: Path, service: str) -> None:
    command = ["python", "-c", "import project.settings"]
    done = subprocess.run(command, cwd=image, env=environment(service), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_it_comes_up_counts_and_stops(image: Path, tmp_path: Path) -> None:
    caddy = services.require_program("caddy")
    web_port, consumer_port, https_port = free_port(), free_port(), free_port()
    ports = {
        "8000": f"http://127.0.0.1:{web_port}/readyz",
        "9100": f"http://127.0.0.1:{consumer_port}/readyz",
    }
    with ExitStack() as stack:
        servers = {
            "DATABASE_URL": stack.enter_context(services.own_database()),
            "BROKER_URL": services.RABBITMQ_URL,
            "BROKER_QUEUE": stack.enter_context(services.own_queue()),
            "HOST": "127.0.0.1",
            "WEB_WORKERS": "1",
        }
        env = environment("web", **servers, PORT=str(web_port))
        migrate = SERVICES["migrate"]["command"]
        migrate_env = environment("migrate", **servers)
        subprocess.run(without_rights(migrate), cwd=image, env=migrate_env, check=True, timeout=60)
        web = stack.enter_context(running(SERVICES["web"]["command"], image, env, tmp_path / "web"))
        consumer = stack.enter_context(
            running(
                SERVICES["consumer"]["command"],
                image,
                environment("consumer", **servers, CONSUMER_PORT=str(consumer_port)),
                tmp_path / "consumer",
            )
        )
        data = tmp_path / "caddy"
        proxy_env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "XDG_DATA_HOME": str(data),
            "DOMAIN": "localhost",
            "UPSTREAM": f"127.0.0.1:{web_port}",
            "HTTP_PORT": str(free_port()),
            "HTTPS_PORT": str(https_port),
        }
        command = [caddy, "run", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile"]
        with (tmp_path / "proxy").open("wb") as output:
            proxy = subprocess.Popen(command, env=proxy_env, stderr=output)
        stack.callback(proxy.wait)
        stack.callback(proxy.kill)
        for name in ("web", "consumer"):
            wait_for(lambda name=name: is_healthy(name, image, ports), 40, f"{name} is healthy", every=0.5)
        certificate = data / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        wait_for(lambda: certificate.exists() and answers(https_port), 20, "the proxy listens")
        issue = [*SERVICES["web"]["command"][:-1], "issue_token", "--subject", "walk"]
        token = subprocess.run(
            [*issue, "--scope", "events:publish totals:read"], cwd=image, env=env, capture_output=True, text=True
        ).stdout.strip()
        base = f"https://localhost:{https_port}"
        trust = ssl.create_default_context(cafile=str(certificate))
        with httpx.Client(base_url=base, verify=trust, headers={"Authorization": f"Bearer {token}"}) as client:
            published = client.post("/", json={"user": "anna", "slug": "alien", "at": 407})
            assert published.status_code == 200, published.text
            assert len(published.headers["X-Request-ID"]) == 36
            assert "max-age" in published.headers["Strict-Transport-Security"]
            total = {"username": "anna", "total_watch_time": 407}
            wait_for(lambda: is_total(client, total), 20, "the event is counted")
            assert client.get("/static/explorer/explorer.css").status_code == 200
            for path in ("/metrics", "/readyz", "/livez"):
                assert client.get(path).status_code == 404
        for process in (web, consumer):
            process.send_signal(signal.SIGTERM)
            assert process.wait(int(SERVICES["web"]["stop_grace_period"].rstrip("s"))) == 0
        assert published.headers["X-Request-ID"] in (tmp_path / "consumer").read_text()
    refused = subprocess.run(without_rights(["touch", str(image / "new")]), capture_output=True)
    assert refused.returncode != 0, "nothing can be written there"


def is_total(client: httpx.Client, total: dict[str, Any]) -> bool:
    response = client.get("/users/anna/total-watch-time/")
    return response.status_code == 200 and response.json() == total
