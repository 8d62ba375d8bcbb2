"""An upgrade while everything runs: processes of the version before and of this one, side by side over a migration."""

import re
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from tests import services
from tests.faults.clients import Client, ask
from tests.faults.judge import judge, read_logs
from tests.processes import Environment, environment, free_port, manage, running, wait_for

pytestmark = pytest.mark.slow
MIGRATIONS = ["broker/migrations/0*.py", "watchtime/migrations/0*.py"]


def git(*arguments: str) -> str:
    """Return what git prints; nothing where it fails, as it does without the history."""
    done = subprocess.run(["git", *arguments], cwd=services.ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def version_before() -> str:
    """Return what ran before the newest migration: the last release before it, else the commit before it."""
    added = git("log", "-1", "--diff-filter=A", "--format=%H", "--", *MIGRATIONS)
    before = git("rev-parse", "--verify", "--quiet", f"{added}^") if added else ""
    services.require(before, "the commit before the newest migration (a full clone of the repository has it)")
    return git("describe", "--tags", "--abbrev=0", "--match", "v*", before) or before


@dataclass
class Version:
    """A version of the service: its code, and a web server and a consumer of it on ports of their own."""

    root: Path
    settings: dict[str, str]

    def __post_init__(self) -> None:
        ports = {"PORT": str(free_port()), "CONSUMER_PORT": str(free_port())}
        self.env: Environment = environment(**self.settings, **ports, WEB_WORKERS="1")
        self.port = int(self.env["PORT"])

    @contextmanager
    def runs(self) -> Iterator[None]:
        with running(self.env, "serve", root=self.root), running(self.env, "consume", root=self.root):
            for port in ("PORT", "CONSUMER_PORT"):
                wait_for(lambda port=port: self._get(port, "/readyz").is_success, 60, f"{self.root} is ready")
            yield

    def _get(self, port: str, path: str) -> httpx.Response:
        try:
            return httpx.get(f"http://127.0.0.1:{self.env[port]}{path}", timeout=5)
        except httpx.TransportError:
            return httpx.Response(503)

    def counted(self) -> float:
        """Return how many events the consumer has counted since it was started."""
        found = re.search(r"^watchtime_events_folded_total (\S+)$", self._get("CONSUMER_PORT", "/metrics").text, re.M)
        return float(found[1]) if found else 0.0


@pytest.fixture
def settings(rabbitmq_queue: str) -> Iterator[dict[str, str]]:
    with services.own_database() as database:
        yield {"DATABASE_URL": database, "BROKER_URL": services.RABBITMQ_URL, "BROKER_QUEUE": rabbitmq_queue}


@pytest.fixture
def old(settings: dict[str, str], tmp_path: Path) -> Version:
    """The version before, from the repository's history, on the packages that are installed."""
    archive = subprocess.run(
        ["git", "archive", version_before()], cwd=services.ROOT, check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(tmp_path / "before", filter="data")
    return Version(tmp_path / "before", settings)


@pytest.fixture
def new(settings: dict[str, str]) -> Version:
    return Version(services.ROOT, settings)


@pytest.fixture
def client_of(tmp_path: Path) -> Iterator[Callable[[Version, str], Client]]:
    """Make a client that publishes through a version's web server, and notes what was acknowledged to it."""
    with ExitStack() as stack:

        def make(version: Version, name: str) -> Client:
            client = Client(name, version.port, tmp_path)
            stack.callback(client.close)
            return client

        yield make


def test_the_version_before_lacks_a_migration_of_today() -> None:
    listed = git("ls-tree", "-r", "--name-only", version_before()).splitlines()
    today = {str(path.relative_to(services.ROOT)) for pattern in MIGRATIONS for path in services.ROOT.glob(pattern)}
    assert today - {*listed}


@pytest.mark.timeout(240)
def test_both_versions_count_while_one_replaces_the_other(
    old: Version, new: Version, client_of: Callable[[Version, str], Client], tmp_path: Path
) -> None:
    database = old.settings["DATABASE_URL"]

    def everything_is_counted() -> bool:
        return judge(read_logs(tmp_path), database).is_right

    manage(old.env, "migrate", root=old.root)
    with old.runs():
        through_old, through_new = client_of(old, "through-old"), client_of(new, "through-new")
        through_old.start()
        wait_for(lambda: old.counted() > 0, 20, "the old version counts on its own tables")
        assert "Applying" in manage(new.env, "migrate").stdout
        with new.runs():
            through_new.start()
            before = old.counted()
            wait_for(lambda: old.counted() > before + 20, 30, "the old consumer counts on the new tables")
            wait_for(lambda: new.counted() > 20, 30, "the new consumer counts")
            for client in (through_old, through_new):
                client.stop()
            for event in read_logs(tmp_path)[::5]:  # both versions know each other's ids
                assert {ask(version.port, "POST", "/", event.body()) for version in (old, new)} == {200}
            wait_for(everything_is_counted, 20, "all is counted once")
    with old.runs():  # back to the version before, whose consumer looks at the migrations when it starts
        client_of(old, "after-the-return").publish()
        wait_for(everything_is_counted, 20, "all is counted once after the return")
    manage(new.env, "verify_totals")
    verdict = judge(read_logs(tmp_path), database)
    assert verdict.is_right, str(verdict)
    assert verdict.acknowledged > 50
