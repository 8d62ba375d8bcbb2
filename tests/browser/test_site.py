"""The documentation site in a browser: its diagrams are drawn, and nothing comes from another host."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests import services
from tests.browser.conftest import Visit

MERMAID = services.ROOT / "frontend" / "node_modules" / "@mermaid-js" / "tiny"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """Build the site and serve it; give its address."""
    services.require(MERMAID.exists(), "what `npm ci --prefix frontend` installs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    subprocess.run(command, cwd=services.ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=True, timeout=60)
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "site"))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_diagrams_are_drawn_from_the_sites_own_files(visit: Visit, site: str) -> None:
    source = (services.ROOT / "docs" / "architecture.md").read_text()
    visit.page.goto(f"{site}/architecture/")
    # The theme puts each drawing into a closed shadow root, in the place of its source: only its size can be seen.
    visit.page.wait_for_function(
        "count => { const drawn = [...document.querySelectorAll('div.mermaid')];"
        " return drawn.length === count && drawn.every((each) => each.clientHeight > 150); }",
        arg=source.count("```mermaid"),
    )
    assert {address.split("/")[2] for address in visit.addresses} == {site.split("/")[2]}
