"""The audit of the GraphQL over HTTP specification's authors, against the real server."""

import json

from tests.clients.conftest import Node


def test_every_check_of_the_audit_passes(live_service: str, node: Node) -> None:
    verdicts = json.loads(node("audit.mjs", f"{live_service}/graphql/"))
    assert [verdict for verdict in verdicts if verdict["status"] != "ok"] == []
    assert len(verdicts) == 61
