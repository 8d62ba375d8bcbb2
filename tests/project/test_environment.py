"""The environment is the business of `project/` alone: everything else asks the settings."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import ROOT

NAMES = {"environ", "environb", "getenv", "putenv", "unsetenv"}


def uses(source: str) -> list[str]:
    """Return the names of `os` in a module's source that read or write the environment."""
    tree = ast.walk(ast.parse(source))
    return [node.attr for node in tree if isinstance(node, ast.Attribute) and node.attr in NAMES]


def modules() -> Iterator[Path]:
    for package in ("broker", "schema", "watchtime"):
        yield from (ROOT / package).rglob("*.py")


def test_only_the_settings_touch_it() -> None:
    found = {str(path.relative_to(ROOT)): used for path in modules() if (used := uses(path.read_text()))}
    assert found == {}


@pytest.mark.parametrize("source", ["import os\nos.environ['A'] = 'b'", "import os as o\no.getenv('A')"])
def test_a_module_that_does_would_be_found(source: str) -> None:
    assert uses(source)
