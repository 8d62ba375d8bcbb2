"""The one Strawberry extension: parsing and validation, once for each document."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from time import monotonic
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    specified_rules,
    validate,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.errors import ApiError, ErrorCode
from schema.limits import Cost, Meter, TooLarge, lists_of, parse_document
from schema.persisted import remember
from schema.request import Operation

CACHED_DOCUMENTS = 256


@dataclass
class Context:
    """What the operations of a request share."""

    request: HttpRequest
    cost: int = 0
    operation: Operation = field(default_factory=Operation)


class Plan(NamedTuple):
    """What is known of a document before it is executed."""

    document: DocumentNode
    errors: tuple[GraphQLError, ...]
    costs: Mapping[str | None, Cost]


@lru_cache(maxsize=CACHED_DOCUMENTS)
def plan(schema: GraphQLSchema, query: str) -> Plan:
    """Parse, measure and validate a document.

    Strawberry's own caches validate before anything is measured, and compare
    whole trees to find a document; this one looks its text up.
    Raises TooLarge and GraphQLSyntaxError.
    """
    document = parse_document(query)
    meter = Meter(document, lists_of(schema))
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    costs = {node.name.value if node.name else None: meter.measure(node) for node in operations}
    return Plan(document, tuple(_invalid(schema, document)), costs)


def _invalid(schema: GraphQLSchema, document: DocumentNode) -> Iterator[GraphQLError]:
    rules = specified_rules if settings.GRAPHQL_INTROSPECTION else (*specified_rules, NoSchemaIntrospectionCustomRule)
    for error in validate(schema, document, rules, settings.GRAPHQL_MAX_ERRORS):
        code = ErrorCode.GRAPHQL_VALIDATION_FAILED.name
        yield GraphQLError(error.message, error.nodes, extensions={"code": code})


class Guard(SchemaExtension):
    """Sees to it that only documents within the limits are executed."""

    def on_parse(self) -> Iterator[None]:
        """Look the document up, or parse it.

        Raises CannotGetOperationTypeError when nobody said which of its operations is meant.
        """
        context = self.execution_context
        self.plan = plan(context.schema._schema, context.query or "")
        context.graphql_document = self.plan.document
        if len(self.plan.costs) > 1 and not context.context.operation.name:
            raise CannotGetOperationTypeError(None)  # Strawberry would take the first
        yield

    def on_validate(self) -> Iterator[None]:
        """Report what is invalid, or dearer than allowed with these variables."""
        context = self.execution_context
        context.pre_execution_errors = list(self.plan.errors) or self._too_dear()
        if not self.plan.errors:
            remember(context.context.operation)
        yield

    def _too_dear(self) -> list[GraphQLError]:
        context = self.execution_context
        context.context.cost += self.plan.costs[context.operation_name].total(context.variables or {})
        if context.context.cost <= settings.GRAPHQL_MAX_COST:
            return []
        return [TooLarge(f"The answer could have more than {settings.GRAPHQL_MAX_COST:,} fields; ask for fewer items.")]


class TimeLimit(StrawberryGraphQLCoreExecutionContext):
    """Executes an operation until its time is up."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._end = monotonic() + settings.GRAPHQL_TIMEOUT

    def build_resolve_info(self, *args: Any) -> Any:
        """Prepare the next field.

        Raises ApiError when the time is up.
        """
        if monotonic() > self._end:
            raise ApiError(ErrorCode.TIMEOUT, f"The operation took longer than {settings.GRAPHQL_TIMEOUT} seconds.")
        return super().build_resolve_info(*args)
