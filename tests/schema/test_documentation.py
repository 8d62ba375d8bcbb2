"""Executes the operations of docs/graphql.md from the page."""

import json
import re
from typing import Any, NamedTuple

import pytest

from broker import default_broker
from tests.schema.conftest import Ask
from tests.services import ROOT
from watchtime.ingest import IngestHandler

PAGE = (ROOT / "docs" / "graphql.md").read_text()
OPERATION = re.compile(r"## (.+?)\n.*?```graphql\n(.*?)```\n+```json\n(.*?)```\n+```json\n(.*?)```", re.DOTALL)
OPAQUE = {"id", "pk", "endCursor"}  # what differs from one database to another


class Example(NamedTuple):
    title: str
    query: str
    variables: dict[str, Any]
    answer: dict[str, Any]


def examples() -> list[Example]:
    return [
        Example(title, query, json.loads(variables), json.loads(answer))
        for title, query, variables, answer in OPERATION.findall(PAGE)
    ]


def count_what_was_published() -> None:
    subscription = default_broker().subscribe(default_broker().queue, prefetch=100)
    deliveries = subscription.receive(100, timeout=0)
    assert IngestHandler()(deliveries) == []
    subscription.acknowledge(deliveries)


def pairs(documented: Any, real: Any) -> list[tuple[str, str]]:
    """Return the opaque values of the documented answer, each with the one that it stands for."""
    if isinstance(documented, list):
        return [pair for ours, theirs in zip(documented, real, strict=True) for pair in pairs(ours, theirs)]
    if not isinstance(documented, dict):
        return []
    found = []
    for name, value in documented.items():
        found += [(value, real[name])] if name in OPAQUE and value is not None else pairs(value, real[name])
    return found


def replaced(value: Any, known: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [replaced(item, known) for item in value]
    if isinstance(value, dict):
        return {name: replaced(item, known) for name, item in value.items()}
    return known.get(value, value) if isinstance(value, str) else value


@pytest.mark.django_db(transaction=True)
def test_operations_answer_what_the_page_says(read: Ask) -> None:
    known: dict[str, str] = {}
    for example in examples():
        real = read(example.query, **replaced(example.variables, known))
        known.update(pairs(example.answer, real))
        assert real == replaced(example.answer, known), example.title
        if example.query.startswith("mutation"):
            count_what_was_published()


def test_there_are_sixteen() -> None:
    assert len(examples()) == 16
    assert PAGE.count("```graphql") == 16
