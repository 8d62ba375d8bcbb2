"""A real browser, to look at the whole service."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests import services

VENDOR = services.ROOT / "schema" / "static" / "explorer" / "vendor"
CHROMIUM_OPTIONS = [
    "--no-sandbox",  # it runs as root in CI, and only on pages of ours
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
]


@pytest.fixture
def service(request: pytest.FixtureRequest) -> str:
    """Give the address of the running service, which has GraphiQL's files."""
    services.require(VENDOR.exists(), "what `npm ci --prefix frontend` installs")
    address: str = request.getfixturevalue("live_service")
    return address


@pytest.fixture(scope="module")  # not longer: Playwright runs an event loop, which Django keeps away from
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
def visit(browser: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Open a page as a browser that was never here; it must have nothing to complain of at the end."""
    failed = request.session.testsfailed
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(10_000)
    visit = Visit(context.new_page())
    yield visit
    if request.session.testsfailed > failed:
        visit.page.screenshot(path=tmp_path / "page.png")
    context.close()
    assert visit.complaints == []
