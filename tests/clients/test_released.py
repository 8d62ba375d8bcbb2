"""The guard of the clients that exist: what they may rely on is not taken away."""

import json
from pathlib import Path

import pytest

from tests.clients.conftest import HERE, SDL, Node

RELEASED = HERE / "released.graphql"


def breaking(node: Node, changed: Path) -> list[str]:
    found: list[str] = json.loads(node("inspect.mjs", str(RELEASED), str(changed)))
    return found


def replaced(directory: Path, before: str, after: str) -> Path:
    """Write the released SDL with something replaced that is in it once."""
    sdl, changed = RELEASED.read_text(), directory / "changed.graphql"
    assert sdl.count(before) == 1
    changed.write_text(sdl.replace(before, after))
    return changed


def test_no_change_breaks_a_client(node: Node) -> None:
    assert breaking(node, SDL) == [], "docs/graphql.md, under Changes, says how to release this"


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("lastMoment: Int!", "furthest: Int!", "Field 'lastMoment' was removed from object type 'WatchTime'"),
        ("title: String!", "title: String", "Field 'Movie.title' changed type from 'String!' to 'String'"),
        ("occurredAt: DateTime\n", "occurredAt: DateTime!\n", "Input field 'EventInput.occurredAt' changed type"),
    ],
    ids=["removed", "nullable", "required"],
)
def test_what_breaks_a_client(node: Node, tmp_path: Path, before: str, after: str, verdict: str) -> None:
    (found,) = breaking(node, replaced(tmp_path, before, after))
    assert found.startswith(verdict)


def test_what_breaks_none(node: Node, tmp_path: Path) -> None:
    assert breaking(node, replaced(tmp_path, "lastMoment: Int!", "lastMoment: Int!\n  more: Int")) == []
