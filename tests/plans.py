"""How a database goes about a statement, as it tells."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import connection


class Statement(NamedTuple):
    """What was executed. Its parameters stay apart: SQLite plans otherwise for values in the text."""

    sql: str
    parameters: Any


@contextmanager
def statements() -> Iterator[list[Statement]]:
    """Collect the statements of the block; of one that is executed for many rows, with the parameters of the first."""
    made: list[Statement] = []

    def execute(run: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any) -> Any:
        made.append(Statement(sql, parameters[0] if many else parameters))
        return run(sql, parameters, many, context)

    with connection.execute_wrapper(execute):
        yield made


NOT_FOR_LARGE = ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin")


def plan_of(statement: Statement, without: Sequence[str] = NOT_FOR_LARGE) -> str:
    """Return the plan as text, on PostgreSQL as if the tables were too large to read and to sort."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for way in without:
                cursor.execute(f"SET LOCAL enable_{way} = off")
        explain = "EXPLAIN (COSTS OFF)" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{explain} {statement.sql}", statement.parameters)
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def is_sought(plan: str) -> bool:
    """Whether the plan starts at a place in an index and reads on in its order: no whole table, no sorting of all.

    Rows that are equal by the index may be sorted among themselves.
    """
    plan = re.sub(
        r"Incremental Sort\n +Sort Key: .*\n|USE TEMP B-TREE FOR (RIGHT PART|LAST \d TERMS) OF ORDER BY", "", plan
    )
    seek = {"postgresql": r"Index Cond: \(", "sqlite": r"^SEARCH .* INDEX \w+ \(\w+[<>]\?\)$"}
    return bool(re.search(seek[connection.vendor], plan, re.MULTILINE)) and not re.search(
        "Seq Scan|SCAN|Sort Key|B-TREE", plan
    )


class Cost(NamedTuple):
    """What executing a statement took PostgreSQL: the pages that it looked at, and the tables that it read whole."""

    pages: int
    read_whole: set[str]


def cost_of(statement: Statement) -> Cost:
    """Execute a statement on PostgreSQL, with the plan that it chooses by itself; return what that took."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement.sql}", statement.parameters)
        (explained,) = cursor.fetchone()
    plan = (json.loads(explained) if isinstance(explained, str) else explained)[0]["Plan"]
    whole = {node["Relation Name"] for node in _nodes(plan) if node["Node Type"] == "Seq Scan"}
    return Cost(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], whole)


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)
