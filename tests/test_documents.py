"""The documents' links, and the site that is built from them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import ROOT

LINK = re.compile(r"\]\((?!https?:|mailto:|#)(?P<path>[^)#\s]+)")
PAGES = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md")) + sorted((ROOT / ".github").rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(page: Path) -> None:
    # docs/reference.md and docs/changelog.md exist on the site alone: the next test follows links to them.
    made = {"reference.md", "changelog.md"} if page.parent.name == "docs" else set()
    targets = {match["path"] for match in LINK.finditer(page.read_text())} - made
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "watchTime" in (tmp_path / "reference" / "index.html").read_text()


def test_the_figures_of_the_readme_are_measured_ones() -> None:
    first_screen = (ROOT / "README.md").read_text().partition("\n## ")[0]
    measured = "".join((ROOT / "docs" / name).read_text() for name in ("faults.md", "performance.md"))
    figures = set(re.findall(r"\d+(?:,\d{3})+|\d+(?= (?:faults|times|µs))", first_screen))
    assert len(figures) >= 7
    assert [figure for figure in figures if not re.search(rf"(?<![\d,]){figure}(?![\d,])", measured)] == []
