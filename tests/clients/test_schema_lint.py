"""The schema by other people's rules of what a schema should be like."""

import json

from tests.clients.conftest import Node
from tests.services import ROOT

# An id that is not the node's, and what everybody calls it.
NAMES_OF_THE_CONTRACT = {"eventId", "username"}


def test_graphql_eslint_and_relay_find_nothing(node: Node) -> None:
    found = json.loads(node("lint_schema.mjs", str(ROOT / "schema" / "schema.graphql")))
    prefixed = {
        message["message"].split('"')[1] for message in found if message["ruleId"].endswith("no-typename-prefix")
    }
    assert prefixed == NAMES_OF_THE_CONTRACT
    assert [message for message in found if not message["ruleId"].endswith("no-typename-prefix")] == []
