"""The limits of an operation, in units that a client can count: the fields of its answer and the rows they need.

A document is measured once and before it is validated, because validating a large one takes long. What depends on
variables is computed at each request.
"""

from collections import Counter
from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

from django.conf import settings
from graphql import (
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
)
from graphql.language import ast

from schema.errors import TooLarge

PAGE_ARGUMENTS = ("first", "last")  # how many items a field is asked for
EVENTS_ARGUMENT = "events"  # the items that a mutation is given
INTROSPECTION = ("__schema", "__type")
UNBOUNDED_LIST = 100  # items that a list without a page counts as
ROWS_OF_A_COUNT = 300  # that a totalCount counts as: it passes over at most GRAPHQL_MAX_COUNT entries of an index
MANY = 10**9


class Size(NamedTuple):
    """How many items a list can have: the largest of some numbers and of some variables' values."""

    values: tuple[int | str, ...]
    default: int
    limit: int = MANY  # a larger one is refused later, as bad input

    def items(self, variables: Mapping[str, Any]) -> int:
        """Return the number with these variables, as clients sent them: what is no number is refused later."""
        given = [variables.get(value) if isinstance(value, str) else value for value in self.values]
        return min(int(max((_items(value) for value in given if value is not None), default=self.default)), self.limit)


def _items(value: object) -> float:
    if isinstance(value, list):
        return len(value)
    return min(max(value, 0), MANY) if isinstance(value, int | float) and value == value else 1


Lists = tuple[Size, ...]  # the lists that something is under, from the outermost on


class Price(NamedTuple):
    """What an operation asks for: how many fields, rows and events, each by the lists that multiply them."""

    fields: Counter[Lists]
    rows: Counter[Lists]
    events: Counter[Lists]
    introspections: int

    def in_units(self, variables: Mapping[str, Any]) -> dict[str, int]:
        """Return how much it asks for of each unit that has a limit, with these variables."""
        parts = {"EVENTS": self.events, "ROWS": self.rows, "FIELDS": self.fields}
        total = {
            unit: sum(number * prod(size.items(variables) for size in lists) for lists, number in counted.items())
            for unit, counted in parts.items()
        }
        return {**total, "INTROSPECTIONS": self.introspections}


class Position(NamedTuple):
    """Where in a document the meter is, and what holds there."""

    type: GraphQLNamedType | None  # None where the document does not fit the graph, as validation will say
    lists: Lists = ()
    size: Size | None = None  # of the list that comes next, such as the edges of a connection
    depth: int = 0
    fragments: frozenset[str] = frozenset()
    introspection: bool = False


class Meter:
    """Measures a document, each fragment as often as it is spread."""

    def __init__(self, graph: GraphQLSchema, document: ast.DocumentNode) -> None:
        self._graph = graph
        fragments = (node for node in document.definitions if isinstance(node, ast.FragmentDefinitionNode))
        self._fragments = {node.name.value: node for node in fragments}
        self._unused = set(self._fragments)
        self._counts: Counter[str] = Counter()
        self._price = Price(Counter(), Counter(), Counter(), 0)

    def measure(self, operation: ast.OperationDefinitionNode) -> Price:
        """Return what an operation asks for. Raises TooLarge when that is too much whatever the variables are."""
        self._price = Price(Counter(), Counter(), Counter(), 0)
        self._count("directives", len(operation.directives or ()))
        self._selections(operation.selection_set, Position(self._graph.get_root_type(operation.operation)), set())
        return self._price

    def measure_unused(self) -> None:
        """Measure the fragments that no operation spreads, which are validated all the same.

        Raises TooLarge when they exceed a limit.
        """
        while self._unused:
            fragment = self._fragments[self._unused.pop()]
            position = self._narrowed(fragment, Position(None, fragments=frozenset((fragment.name.value,))))
            self._selections(fragment.selection_set, position, set())

    def _selections(self, node: ast.SelectionSetNode, position: Position, names: set[str]) -> None:
        for selection in node.selections:
            self._count("selections")
            self._count("directives", len(selection.directives or ()))
            if isinstance(selection, ast.FieldNode):
                self._field(selection, position, names)
            elif isinstance(selection, ast.InlineFragmentNode):
                self._selections(selection.selection_set, self._narrowed(selection, position), names)
            elif isinstance(selection, ast.FragmentSpreadNode):
                self._spread(selection.name.value, position, names)

    def _spread(self, name: str, position: Position, names: set[str]) -> None:
        fragment = self._fragments.get(name)
        if fragment and name not in position.fragments:  # validation reports circles and unknown names
            self._unused.discard(name)
            inside = self._narrowed(fragment, position)._replace(fragments=position.fragments | {name})
            self._selections(fragment.selection_set, inside, names)

    def _narrowed(self, node: ast.InlineFragmentNode | ast.FragmentDefinitionNode, position: Position) -> Position:
        condition = node.type_condition
        return position._replace(type=self._graph.get_type(condition.name.value)) if condition else position

    def _field(self, node: ast.FieldNode, position: Position, names: set[str]) -> None:
        name = node.alias.value if node.alias else node.name.value
        self._count("aliases", 1 if node.alias else 0)
        self._count("duplicates", 1 if name in names else 0)
        names.add(name)
        is_introspection = position.introspection or node.name.value in INTROSPECTION
        below = self._introspected(node, position) if is_introspection else self._priced(node, position)
        if below.depth > settings.GRAPHQL_MAX_DEPTH:
            raise TooLarge(f"The document is deeper than {settings.GRAPHQL_MAX_DEPTH} levels.")
        if node.selection_set:
            self._selections(node.selection_set, below, set())

    def _introspected(self, node: ast.FieldNode, position: Position) -> Position:
        """Return the position below a field of introspection, which graphql-core bounds, unless aliases multiply it."""
        if node.alias:
            raise TooLarge("Introspection fields must not have aliases.")
        introspections = self._price.introspections + (0 if position.introspection else 1)
        self._price = self._price._replace(introspections=introspections)
        return position._replace(introspection=True)

    def _priced(self, node: ast.FieldNode, position: Position) -> Position:
        """Count a field and the rows that it needs; return the position of its selections."""
        definition: GraphQLField | None = getattr(position.type, "fields", {}).get(node.name.value)
        depth = position.depth + (1 if node.selection_set else 0)
        if definition is None:
            self._price.fields[position.lists] += 1
            return Position(None, position.lists, None, depth, position.fragments)
        size, type_ = _size(node, definition), get_named_type(definition.type)
        is_list, lists = is_list_type(get_nullable_type(definition.type)), position.lists
        if is_list and (size or position.size or not is_leaf_type(type_)):
            lists = (*lists, size or position.size or Size((), UNBOUNDED_LIST))
        self._price.fields[lists] += 1
        self._need_rows(node, definition, position, size)
        return Position(type_, lists, None if is_list else size, depth, position.fragments)

    def _need_rows(self, node: ast.FieldNode, definition: GraphQLField, position: Position, size: Size | None) -> None:
        if size:
            needed = self._price.events if EVENTS_ARGUMENT in definition.args else self._price.rows
            needed[(*position.lists, size)] += 1
        elif node.name.value == "totalCount":
            self._price.rows[()] += ROWS_OF_A_COUNT  # of all objects of a page together
        elif position.depth == 0:
            self._price.rows[()] += 1

    def _count(self, what: str, number: int = 1) -> None:
        self._counts[what] += number
        limit = getattr(settings, f"GRAPHQL_MAX_{what.upper()}")
        if self._counts[what] > limit:
            raise TooLarge(f"The document has more than {limit:,} {what}.")


def _size(node: ast.FieldNode, definition: GraphQLField) -> Size | None:
    """Return the size that a field's arguments give it or what is below it; None for a field without such arguments."""
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    if EVENTS_ARGUMENT in definition.args:
        return Size(tuple(_values(given.get(EVENTS_ARGUMENT))), default=1)
    if not any(name in definition.args for name in PAGE_ARGUMENTS):
        return None
    values = [value for name in PAGE_ARGUMENTS for value in _values(given.get(name))]
    return Size(tuple(values), settings.GRAPHQL_PAGE_SIZE, settings.GRAPHQL_MAX_PAGE_SIZE)


def _values(node: object) -> list[int | str]:
    """Return the number that a value in a document means, or the name of the variable that it is; nothing for null."""
    if isinstance(node, ast.VariableNode):
        return [node.name.value]
    if isinstance(node, ast.ListValueNode):
        return [len(node.values)]
    if isinstance(node, ast.IntValueNode):
        return [int(node.value[:10])]
    return [] if node is None or isinstance(node, ast.NullValueNode) else [1]


def defaults(operation: ast.OperationDefinitionNode) -> dict[str, int | str]:
    """Return the sizes that an operation's variables have where a client sends none."""
    known = ((each.variable.name.value, _values(each.default_value)) for each in operation.variable_definitions or ())
    return {name: values[0] for name, values in known if values}
