"""Documents that ask for everything that can be reached from a field of the graph."""

from collections.abc import Iterator
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
)

DEEPEST = 9  # levels of objects; a connection takes three
PAGE = {"first": "5"}
# What every argument is given that is not about whom or what: a new one must be added here.
OTHERS: dict[str, str | None] = {
    "after": None,
    "last": None,
    "before": None,
    "orderBy": None,
    "occurredFrom": None,
    "occurredBefore": None,
    "from": '"2026-01-01T00:00:00Z"',
    "to": '"2026-01-03T00:00:00Z"',
    "interval": "DAY",
    "timeZone": '"UTC"',
    "bins": "4",
    "text": '"a"',
}


def document(graph: GraphQLSchema, name: str, given: dict[str, str], kind: str = "query") -> str:
    """Return an operation of the root field, with these arguments where it has them, and of all that is below."""
    root = graph.query_type if kind == "query" else graph.mutation_type
    assert root
    return f"{kind} {{ {_field(graph, name, root.fields[name], given, 0)} }}"


def _field(graph: GraphQLSchema, name: str, field: GraphQLField, given: dict[str, str], depth: int) -> str:
    arguments = ", ".join(f"{key}: {value}" for key, value in _arguments(field, given) if value is not None)
    text = f"{name}({arguments})" if arguments else name
    kind = get_named_type(field.type)
    return text if is_leaf_type(kind) else f"{text} {{ {_fields(graph, kind, depth + 1)} }}"


def _arguments(field: GraphQLField, given: dict[str, str]) -> Iterator[tuple[str, str | None]]:
    for name, argument in field.args.items():
        if name in given:
            yield name, given[name]
        elif name in PAGE or name in OTHERS:
            yield name, PAGE.get(name, OTHERS.get(name))
        else:
            assert not isinstance(argument.type, GraphQLNonNull), f"say in tests/access/walk.py what {name} is given"


def _fields(graph: GraphQLSchema, kind: Any, depth: int) -> str:
    if isinstance(kind, GraphQLInterfaceType):
        implementations = graph.get_possible_types(kind)
        return "id " + " ".join(f"... on {each.name} {{ {_aliased(graph, each, depth)} }}" for each in implementations)
    return f"__typename {_selections(graph, kind, depth)}"


def _aliased(graph: GraphQLSchema, kind: GraphQLObjectType, depth: int) -> str:
    """Return the selections of one type among several, whose fields of one name may have other types."""
    return _selections(graph, kind, depth, prefix=f"{kind.name}_")


def _selections(graph: GraphQLSchema, kind: GraphQLObjectType, depth: int, prefix: str = "") -> str:
    texts = []
    for name, field in kind.fields.items():
        if depth < DEEPEST or is_leaf_type(get_named_type(field.type)):
            alias = f"{prefix}{name}: " if prefix else ""
            texts.append(alias + _field(graph, name, field, {}, depth))
    return " ".join(texts)
