"""How schemathesis asks the GraphQL API, and what it checks on top; it loads this by its configuration."""

import re
from pathlib import Path
from typing import Any

import schemathesis
from graphql import REMOVE, ArgumentNode, Visitor, parse, print_ast, visit
from schemathesis import Case, CheckContext, HookContext, Response

PAGE = (Path(__file__).parents[2] / "docs" / "graphql-limits.md").read_text()
FAILURES = {"INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "TIMEOUT"}
CODES = set(re.findall(r"^\| `([A-Z_]+)` \| [^|]+ \|$", PAGE, re.MULTILINE))


class Plainer(Visitor):
    """Removes the arguments that no generator gets right: cursors, times, and what excludes another."""

    NAMES = frozenset({"first", "after", "last", "before", "occurredFrom", "occurredBefore", "pk", "moviePk"})

    def enter_argument(self, node: ArgumentNode, *_: Any) -> Any:
        """Remove an argument."""
        return REMOVE if node.name.value in self.NAMES else None


@schemathesis.hook
def map_case(context: HookContext, case: "Case[Any]") -> "Case[Any]":
    """Make half of the right operations plainer: hardly any other comes to a row."""
    right = case.meta is not None and case.meta.generation.mode.is_positive
    if right and isinstance(case.body, str) and len(case.body) % 2:
        case.body = print_ast(visit(parse(case.body), Plainer()))
    return case


@schemathesis.check
def documented_answer(context: CheckContext, response: Response, case: "Case[Any]") -> None:
    """Let nothing pass but data and errors whose code is on the page, and that the client is the cause of."""
    answer = response.json()
    assert response.status_code == 200
    assert answer.keys() <= {"data", "errors"}
    codes = {error["extensions"]["code"] for error in answer.get("errors", [])}
    assert codes <= CODES - FAILURES, codes
