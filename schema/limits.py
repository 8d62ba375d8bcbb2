"""How much one operation may ask for.

The document is measured before it is validated, because validating a large one
is itself dear: its fields are compared with each other. What was measured is
kept with the parsed document, so that a repeated query pays nothing for it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, NamedTuple

from django.conf import settings
from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    is_object_type,
    parse,
)

from schema.errors import ApiError, ErrorCode

INTROSPECTION = frozenset({"__schema", "__type"})
COST_OF_INTROSPECTION = 2_000
COST_OF_A_COUNT = 20
COST_OF_A_ROW = 2  # read for a page, whether its fields are asked for or not
MAX_INT = 2**31 - 1


class TooLarge(ApiError):
    """An operation that asks for more than the settings allow."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.TOO_LARGE, message)


Size = tuple[int | str, ...]  # of a list: the values of `first` and `last`, numbers or names of variables


class Cost(NamedTuple):
    """What an operation costs: how many fields it has under which lists, and the variables' defaults."""

    parts: Mapping[tuple[Size, ...], int]
    defaults: Mapping[str, int]

    def total(self, variables: Mapping[str, Any]) -> int:
        """Return how many fields the answer can have with these variables."""
        values = {**self.defaults, **variables}
        return sum(cost * prod(_items(size, values) for size in sizes) for sizes, cost in self.parts.items())


class Place(NamedTuple):
    """Where in a document the meter is."""

    lists: tuple[Size, ...]
    depth: int
    fragments: frozenset[str]
    introspection: bool
    size: Size | None = None  # of the list whose edges may come next


def parse_document(query: str) -> DocumentNode:
    """Parse a document.

    Raises TooLarge when it is too long, GraphQLSyntaxError when it is not GraphQL.
    """
    try:
        return parse(
            query,
            max_source_length=settings.GRAPHQL_MAX_DOCUMENT,
            max_lexical_tokens=settings.GRAPHQL_MAX_TOKENS,
            max_comments=settings.GRAPHQL_MAX_TOKENS,
        )
    except GraphQLSyntaxError as error:
        if "Parsing aborted" in error.message or "too deeply" in error.message:
            raise TooLarge(error.message.removeprefix("Syntax Error: ")) from None
        raise


def lists_of(schema: GraphQLSchema) -> frozenset[str]:
    """Return the names of the fields that are lists of as many items as `first` says."""
    types = (type_ for type_ in schema.type_map.values() if is_object_type(type_))
    return frozenset(name for type_ in types for name, field in type_.fields.items() if "first" in field.args)


class Meter:
    """Measures a document, each fragment as often as it is spread."""

    def __init__(self, document: DocumentNode, lists: frozenset[str]) -> None:
        self._lists = lists
        self._counts: Counter[str] = Counter()
        self._costs: Counter[tuple[Size, ...]] = Counter()
        self._fragments: Mapping[str, FragmentDefinitionNode] = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }

    def measure(self, operation: OperationDefinitionNode) -> Cost:
        """Return what an operation costs.

        Raises TooLarge when it exceeds a limit whatever the variables are.
        """
        self._costs = Counter()
        self._count("directives", len(operation.directives or ()))
        self._selections(operation.selection_set, Place((), 0, frozenset(), False), set())
        defaults = {
            node.variable.name.value: _number(node.default_value)
            for node in operation.variable_definitions or ()
            if isinstance(node.default_value, IntValueNode)
        }
        return Cost(dict(self._costs), defaults)

    def _selections(self, node: SelectionSetNode, place: Place, names: set[str]) -> None:
        for selection in node.selections:
            self._count("directives", len(selection.directives or ()))
            if isinstance(selection, FieldNode):
                self._field(selection, place, names)
            elif isinstance(selection, FragmentSpreadNode):
                self._spread(selection, place, names)
            elif isinstance(selection, InlineFragmentNode):
                self._count("selections")
                self._selections(selection.selection_set, place, names)

    def _spread(self, node: FragmentSpreadNode, place: Place, names: set[str]) -> None:
        self._count("selections")
        name = node.name.value
        fragment = self._fragments.get(name)
        if fragment and name not in place.fragments:  # validation reports circles and unknown names
            self._selections(fragment.selection_set, place._replace(fragments=place.fragments | {name}), names)

    def _field(self, node: FieldNode, place: Place, names: set[str]) -> None:
        name = node.alias.value if node.alias else node.name.value
        self._count("aliases", 1 if node.alias else 0)
        self._count("duplicates", 1 if name in names else 0)
        names.add(name)
        self._count("selections")
        self._costs[place.lists] += _cost_of(node)
        if node.name.value in self._lists:
            self._costs[(*place.lists, _size(node.arguments or ()))] += COST_OF_A_ROW
        if node.selection_set:
            self._selections(node.selection_set, self._below(node, place), set())

    def _below(self, node: FieldNode, place: Place) -> Place:
        """Return the place of a field's selections.

        Raises TooLarge when that is too deep. Introspection is as deep as types
        nest, and has a rule of its own among the validation's.
        """
        name = node.name.value
        introspection = place.introspection or name in INTROSPECTION
        depth = place.depth + (0 if introspection else 1)
        if depth > settings.GRAPHQL_MAX_DEPTH:
            raise TooLarge(f"The document is deeper than {settings.GRAPHQL_MAX_DEPTH} levels.")
        size = _size(node.arguments or ()) if name in self._lists else None
        lists = (*place.lists, place.size) if name == "edges" and place.size is not None else place.lists
        return Place(lists, depth, place.fragments, introspection, size)

    def _count(self, what: str, number: int = 1) -> None:
        self._counts[what] += number
        limit = getattr(settings, f"GRAPHQL_MAX_{what.upper()}")
        if self._counts[what] > limit:
            raise TooLarge(f"The document has more than {limit:,} {what}.")


def _cost_of(node: FieldNode) -> int:
    if node.name.value in INTROSPECTION:
        return COST_OF_INTROSPECTION
    return COST_OF_A_COUNT if node.name.value == "totalCount" else 1


def _size(arguments: Iterable[ArgumentNode]) -> Size:
    values = [node.value for node in arguments if node.name.value in ("first", "last")]
    names = [value.name.value for value in values if isinstance(value, VariableNode)]
    return (*names, *(_number(value) for value in values if isinstance(value, IntValueNode)))


def _number(node: IntValueNode) -> int:
    return int(node.value) if len(node.value) < 10 else MAX_INT


def _items(size: Size, variables: Mapping[str, Any]) -> int:
    """Return how many items a list can have; a page larger than allowed is refused later, as bad input."""
    given = [variables.get(value) if isinstance(value, str) else value for value in size]
    numbers = [number for number in given if isinstance(number, int)]
    return min(max(numbers, default=settings.GRAPHQL_PAGE_SIZE), settings.GRAPHQL_MAX_PAGE_SIZE)
