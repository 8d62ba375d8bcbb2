"""What an operation costs: about the microseconds that it takes on PostgreSQL, where a total takes 600 over HTTP."""

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, NamedTuple

from django.conf import settings
from graphql import ArgumentNode, IntValueNode, ListValueNode, VariableNode

FIELD = 5
INTROSPECTED = (
    13  # an object of the schema, and each field of one; counted while executing; dear, for no client needs it twice
)
ROOT_FIELD = 400  # a statement
ROOT_FIELDS = {"node": 2_000, "publishEvent": 2_000, "events": 1_200}  # dearer ones
PAGE = 1_000  # the statements of a list, which the lists under all objects of a page share
PAGE_OF_ONE = 100  # the part of them that is one object's
ROW = 20  # read for a page, whether its fields are asked for or not
ROWS = {"events": 50}  # with a viewer and a movie each
COUNT = 6_000  # of as many rows as the settings allow
EVENT = 25  # read, checked and published
ID = 2  # of an event, in the answer
FIELD_OF_ERRORS = 2  # of an event, when all have some
INTROSPECTION = frozenset({"__schema", "__type"})
PUBLICATIONS = frozenset({"publishEvent", "publishEvents"})
MAX_INT = 2**31 - 1
Variables = Mapping[str, Any]  # their values as the fields get them: coerced, and with defaults


class Page(NamedTuple):
    """The size of a page: the values of `first` and `last`, numbers or names of variables."""

    values: tuple[int | str, ...]

    @classmethod
    def of(cls, arguments: Iterable[ArgumentNode]) -> "Page":
        """Return the size that a list's arguments ask for."""
        values = [node.value for node in arguments if node.name.value in ("first", "last")]
        names = [value.name.value for value in values if isinstance(value, VariableNode)]
        return cls((*names, *(number(value) for value in values if isinstance(value, IntValueNode))))

    def items(self, variables: Variables) -> int:
        """Return how many items the page can have; a size that is not allowed is refused later, as bad input."""
        given = [variables.get(value) if isinstance(value, str) else value for value in self.values]
        largest = max((number for number in given if number is not None), default=settings.GRAPHQL_PAGE_SIZE)
        return min(max(largest, 0), settings.GRAPHQL_MAX_PAGE_SIZE)


class Sent(NamedTuple):
    """The size of what a client sends: a number of items, or the name of the variable that holds them."""

    value: int | str

    @classmethod
    def of(cls, arguments: Iterable[ArgumentNode]) -> "Sent":
        """Return how many events a mutation's arguments send."""
        values = [node.value for node in arguments if node.name.value == "events"]
        if values and isinstance(values[0], ListValueNode):
            return cls(len(values[0].values))
        return cls(values[0].name.value if values and isinstance(values[0], VariableNode) else 1)

    def items(self, variables: Variables) -> int:
        """Return how many items are sent."""
        if isinstance(self.value, int):
            return self.value
        items = variables.get(self.value)
        return len(items) if isinstance(items, list) else 1


Size = Page | Sent


class Cost(NamedTuple):
    """What an operation costs under which lists, and what it publishes."""

    parts: Mapping[tuple[Size, ...], int]
    published: tuple[Sent, ...]

    def total(self, variables: Variables) -> int:
        """Return what the operation costs with these variables."""
        return int(sum(cost * prod(size.items(variables) for size in sizes) for sizes, cost in self.parts.items()))

    def events(self, variables: Variables) -> int:
        """Return how many events the operation publishes with these variables."""
        return sum(size.items(variables) for size in self.published)


def number(node: IntValueNode) -> int:
    return int(node.value) if len(node.value) < 10 else MAX_INT
