"""The whole service in real processes, and a real browser to look at it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests import services
from tests.processes import answers, environment, free_port, manage, running, wait_for

VENDOR = services.ROOT / "schema" / "static" / "explorer" / "vendor"
CHROMIUM_OPTIONS = [
    "--no-sandbox",  # it runs as root in CI, and only on pages of ours
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run web server and consumer as in production; give their address."""
    services.require(VENDOR.exists(), "what `npm ci --prefix frontend` installs")
    port = free_port()
    database = tmp_path_factory.mktemp("service") / "db.sqlite3"
    env = environment(DATABASE_URL=f"sqlite:///{database}", PORT=str(port))
    manage(env, "migrate")
    manage(env, "collectstatic", "--no-input")
    with running(env, "up"):
        wait_for(lambda: answers(port), 20, "the web server")
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = services.require_program("chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS)
        yield chromium
        chromium.close()


@dataclass
class Visit:
    """A page, and what happened on it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        self.page.on("request", lambda request: self.addresses.append(request.url))


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[Visit]:
    """Open a page as a browser that was never here; it must have nothing to complain of at the end."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(10_000)
    visit = Visit(context.new_page())
    yield visit
    visit.page.screenshot(path=tmp_path / "page.png")
    context.close()
    assert visit.complaints == []
