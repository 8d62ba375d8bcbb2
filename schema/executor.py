"""How the fields of an operation are executed: within its limits, and attributes without ceremony."""

from collections.abc import Callable
from functools import cache, partial
from operator import attrgetter
from time import monotonic
from typing import Any

from django.conf import settings
from graphql import (
    GraphQLError,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_nullable_type,
    is_enum_type,
    is_introspection_type,
    is_leaf_type,
    is_list_type,
)
from graphql.execution import Executor
from strawberry.schema.schema_converter import GraphQLCoreConverter

from schema.costs import INTROSPECTED
from schema.errors import ApiError, ErrorCode, code_of

Reader = Callable[[Any], Any]
_ENDS = {ErrorCode.TIMEOUT, ErrorCode.TOO_LARGE}


class TimedExecutor(Executor[Any]):
    """Executes an operation until its time, or what it may cost, is used up."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._end = monotonic() + settings.GRAPHQL_TIMEOUT

    def execute_fields(self, parent: GraphQLObjectType, source: Any, path: Any, fields: Any, position: Any) -> Any:
        """Execute the fields of an object.

        Raises ApiError when the time is up, TooLarge when the schema is asked for more of itself than allowed.
        """
        if monotonic() > self._end:
            raise ApiError(ErrorCode.TIMEOUT, f"The operation took longer than {settings.GRAPHQL_TIMEOUT} seconds.")
        if is_introspection_type(parent):
            self.context_value.spend("cost", INTROSPECTED * (1 + len(fields)))
        return super().execute_fields(parent, source, path, fields, position)

    def handle_field_error(self, error: Exception, type_: Any, details: Any, path: Any) -> None:
        """Leave errors to graphql-core, but end an operation that is used up: field after field would fail."""
        ended = isinstance(error, GraphQLError) and code_of(error) in _ENDS
        super().handle_field_error(error, GraphQLNonNull(get_nullable_type(type_)) if ended else type_, details, path)

    def execute_field(self, parent_type: Any, source: Any, details: Any, path: Any, position: Any) -> Any:
        """Read a field that is an attribute, without making graphql-core's info of it; null is left to graphql-core."""
        read = _reader(parent_type, details[0].node.name.value)
        value = read(source) if read else None
        return value if value is not None else super().execute_field(parent_type, source, details, path, position)

    def complete_list_value(self, type_: Any, nodes: Any, info: Any, path: Any, items: Any, position: Any) -> Any:
        """Read a flat list in a loop: objects of which only attributes are asked for, none of them null.

        graphql-core makes a path and an info for each field of each, ten microseconds; the
        thousand events of a mutation can have six thousand errors of three fields.
        """
        readers = self._readers(type_, nodes)
        if readers is not None and items:
            answers = [{name: read(item) for name, read in readers} for item in items]
            if not any(None in answer.values() for answer in answers):
                return answers
        return super().complete_list_value(type_, nodes, info, path, items, position)

    def _readers(self, type_: GraphQLList[Any], nodes: Any) -> list[tuple[str, Reader]] | None:
        """Return how each field of a list's objects is read; None when one needs more than its attribute."""
        parent = get_nullable_type(type_.of_type)
        if not isinstance(parent, GraphQLObjectType) or is_introspection_type(parent):
            return None
        fields = self.collect_subfields(parent, nodes).grouped_field_set
        readers = [(name, _reader(parent, details[0].node.name.value)) for name, details in fields.items()]
        return None if any(read is None for _, read in readers) else readers  # type: ignore[return-value]


@cache
def _reader(parent: GraphQLObjectType, name: str) -> Reader | None:
    """Return how a field is read off its object; None when it takes more than an attribute."""
    if name == "__typename":
        return lambda _: parent.name
    field = parent.fields.get(name)
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF) if field else None
    if field is None or definition is None or not definition.is_basic_field:
        return None
    get = attrgetter(getattr(definition, "django_name", None) or definition.python_name)
    type_: Any = get_nullable_type(field.type)
    if is_leaf_type(type_):
        return partial(_leaf, get, _coerce(type_))
    leaf = get_nullable_type(type_.of_type) if is_list_type(type_) else None
    return partial(_leaves, get, _coerce(leaf)) if is_leaf_type(leaf) else None


def _coerce(type_: Any) -> Reader:
    coerce: Reader = type_.coerce_output_value
    return cache(coerce) if is_enum_type(type_) else coerce  # Strawberry compares the value with each


def _leaf(get: Reader, coerce: Reader, item: Any) -> Any:
    value = get(item)
    return None if value is None else coerce(value)


def _leaves(get: Reader, coerce: Reader, item: Any) -> Any:
    values = get(item)
    return None if values is None or None in values else [coerce(value) for value in values]
