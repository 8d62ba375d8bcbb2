"""How much one operation may ask for.

The document is measured before it is validated, because validating a large one
is itself dear: its fields are compared with each other. What was measured is
kept with the parsed document, so that a repeated query pays nothing for it.
"""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from django.conf import settings
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    is_object_type,
    parse,
)

from schema import costs
from schema.costs import Cost, Page, Sent, Size
from schema.errors import ApiError, ErrorCode


class TooLarge(ApiError):
    """An operation that asks for more than the settings allow."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.TOO_LARGE, message)


class Place(NamedTuple):
    """Where in a document the meter is."""

    lists: tuple[Size, ...] = ()
    depth: int = 0
    fragments: frozenset[str] = frozenset()
    introspection: bool = False
    page: Page | None = None  # whose edges may come next
    sent: Sent | None = None  # of whose events something may be asked next
    cost: int = costs.FIELD  # of each field here


def parse_document(query: str) -> DocumentNode:
    """Parse a document.

    Raises TooLarge when it is too long, GraphQLSyntaxError when it is not GraphQL.
    """
    length, limit = settings.GRAPHQL_MAX_DOCUMENT, settings.GRAPHQL_MAX_TOKENS
    if len(query) > length:
        raise TooLarge(f"The document has more than {length:,} characters.")
    if query.count("\n") + query.count("\r") > limit:  # each error looks for its place among the lines
        raise TooLarge(f"The document has more than {limit:,} lines.")
    try:
        document = parse(query, max_lexical_tokens=limit, max_comments=limit)
    except GraphQLSyntaxError as error:
        if "Parsing aborted" in error.message or "too deeply" in error.message:
            raise TooLarge(error.message.removeprefix("Syntax Error: ")) from None
        raise
    if len(document.definitions) > settings.GRAPHQL_MAX_DEFINITIONS:
        raise TooLarge(f"The document has more than {settings.GRAPHQL_MAX_DEFINITIONS:,} definitions.")
    return document


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
        self._published: list[Sent] = []
        self._fragments: Mapping[str, FragmentDefinitionNode] = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._unused = set(self._fragments)

    def measure(self, operation: OperationDefinitionNode) -> Cost:
        """Return what an operation costs.

        Raises TooLarge when it exceeds a limit whatever the variables are.
        """
        self._costs, self._published = Counter(), []
        self._count("directives", len(operation.directives or ()))
        self._selections(operation.selection_set, Place(), set())
        return Cost(dict(self._costs), tuple(self._published))

    @property
    def has_directives(self) -> bool:
        """Whether what was measured has any, so that what it asks for may depend on variables."""
        return self._counts["directives"] > 0

    def measure_unused(self) -> None:
        """Measure the fragments that no operation spreads, which are validated all the same.

        Raises TooLarge when they exceed a limit.
        """
        while self._unused:
            name = self._unused.pop()
            self._selections(self._fragments[name].selection_set, Place(fragments=frozenset((name,))), set())

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
            self._unused.discard(name)
            self._selections(fragment.selection_set, place._replace(fragments=place.fragments | {name}), names)

    def _field(self, node: FieldNode, place: Place, names: set[str]) -> None:
        name = node.alias.value if node.alias else node.name.value
        self._count("aliases", 1 if node.alias else 0)
        self._count("duplicates", 1 if name in names else 0)
        names.add(name)
        self._count("selections")
        below = self._below(node, place)
        self._charge(node, place, below)
        if node.selection_set:
            self._selections(node.selection_set, below, set())

    def _charge(self, node: FieldNode, place: Place, below: Place) -> None:
        name = node.name.value
        self._costs[place.lists] += place.cost
        if place.depth == 0 and not place.introspection and not name.startswith("__"):
            self._costs[()] += costs.ROOT_FIELDS.get(name, costs.ROOT_FIELD)
        if below.page is not None:
            self._costs[()] += costs.PAGE
            self._costs[place.lists] += costs.PAGE_OF_ONE
            self._costs[(*place.lists, below.page)] += costs.ROWS.get(name, costs.ROW)
        if name == "totalCount":
            self._costs[()] += costs.COUNT
        if below.sent is not None:
            self._published.append(below.sent)
            self._costs[(below.sent,)] += costs.EVENT
        if place.sent is not None and name == "ids":
            self._costs[(place.sent,)] += costs.ID

    def _below(self, node: FieldNode, place: Place) -> Place:
        """Return the place of a field's selections.

        Raises TooLarge when that is too deep. Introspection is as deep as types
        nest, and has a rule of its own among the validation's.
        """
        name, arguments = node.name.value, node.arguments or ()
        introspection = place.introspection or name in costs.INTROSPECTION
        depth = place.depth + (1 if node.selection_set and not introspection else 0)
        if depth > settings.GRAPHQL_MAX_DEPTH:
            raise TooLarge(f"The document is deeper than {settings.GRAPHQL_MAX_DEPTH} levels.")
        page = Page.of(arguments) if name in self._lists else None
        sent = Sent.of(arguments) if name in costs.PUBLICATIONS else None
        lists, cost = self._items(name, place, introspection)
        return Place(lists, depth, place.fragments, introspection, page, sent, cost)

    def _items(self, name: str, place: Place, introspection: bool) -> tuple[tuple[Size, ...], int]:
        """Return the lists that a field's selections are under, and what each of them costs."""
        if introspection:
            return place.lists, 0
        if place.page is not None and name == "edges":
            return (*place.lists, place.page), costs.FIELD
        if place.sent is not None and name == "userErrors":
            return (*place.lists, place.sent), costs.FIELD_OF_ERRORS
        return place.lists, costs.FIELD

    def _count(self, what: str, number: int = 1) -> None:
        self._counts[what] += number
        limit = getattr(settings, f"GRAPHQL_MAX_{what.upper()}")
        if self._counts[what] > limit:
            raise TooLarge(f"The document has more than {limit:,} {what}.")
