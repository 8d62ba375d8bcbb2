"""Programs in TypeScript, with the types that graphql-codegen and Relay's compiler make of the SDL."""

import shutil
from pathlib import Path

import pytest

from tests.clients.conftest import HERE, Node


@pytest.fixture
def project(workshop: Path) -> Path:
    return Path(shutil.copytree(HERE / "typescript", workshop, dirs_exist_ok=True))


def test_programs_compile_in_strict_mode(node: Node, project: Path) -> None:
    node("node_modules/.bin/relay-compiler", cwd=project)
    node("node_modules/.bin/graphql-codegen", "--config", "codegen.json", cwd=project)
    pages, again = (project / "__generated__" / f"movies{name}Query.graphql.ts" for name in ("Page", "Again"))
    assert "pageInfo {\\n      endCursor\\n      hasNextPage" in pages.read_text()
    assert "node(id: $id)" in again.read_text()
    node("node_modules/.bin/tsc", cwd=project)
