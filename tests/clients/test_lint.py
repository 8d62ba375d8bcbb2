"""The SDL, and the operations of docs/graphql.md, by the rules of @graphql-eslint."""

import json
import re
from pathlib import Path

from tests.clients.conftest import Node
from tests.services import ROOT

OPERATION = re.compile(r"```graphql\n((?:query|mutation) (\w+).*?)```", re.DOTALL)

# What everybody calls it, and an id that is not the node's.
NAMES_OF_THE_CONTRACT = {"username", "eventId"}


def complaints(node: Node, directory: Path) -> list[str]:
    (directory / "operations").mkdir()
    for text, name in OPERATION.findall((ROOT / "docs" / "graphql.md").read_text()):
        (directory / "operations" / f"{name}.graphql").write_text(text)
    found: list[str] = json.loads(node("lint.mjs", str(directory)))
    return found


def test_nothing_to_complain_of(node: Node, workshop: Path) -> None:
    found = complaints(node, workshop)
    prefixed = {complaint.split('"')[1] for complaint in found if "no-typename-prefix" in complaint}
    assert prefixed == NAMES_OF_THE_CONTRACT
    assert [complaint for complaint in found if "no-typename-prefix" not in complaint] == []


def test_what_it_complains_of(node: Node, workshop: Path) -> None:
    sdl = workshop / "schema.graphql"
    broken = sdl.read_text().replace("    first: Int\n", "    first: String\n", 1)
    sdl.write_text(f"{broken}\ntype lonely {{ at: Int }}\n")
    rules = {complaint.rpartition("/")[2] for complaint in complaints(node, workshop)}
    assert {"relay-arguments)", "naming-convention)", "no-unreachable-types)", "require-description)"} <= rules
