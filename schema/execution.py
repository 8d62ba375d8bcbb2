"""How an operation is executed: planned once for its document, then run within its limits.

This calls graphql-core, as Strawberry's `execute_sync` does after five rounds of
extension hooks that cost as much as a small query; nothing here needs them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    execute,
    specified_rules,
    validate,
)

from schema.costs import Cost
from schema.errors import ErrorCode, RequestError
from schema.executor import TimedExecutor
from schema.limits import Meter, TooLarge, lists_of, parse_document
from schema.persisted import remember, with_document
from schema.request import Operation
from schema.schema import schema

GRAPH = schema._schema
CACHED_DOCUMENTS = 256
_TOO_MUCH = {
    "tokens": "The documents of the batch have more than {:,} tokens.",
    "events": "The operation publishes more than {:,} events.",
    "cost": "The operation costs more than {:,}; ask for fewer items.",
}
_SYNCHRONOUS: Any = {"is_awaitable": lambda _: False, "is_async_iterable": lambda _: False}


@dataclass
class Context:
    """What the operations of a request share."""

    request: HttpRequest
    cost: int = 0
    tokens: int = 0
    events: int = 0

    def spend(self, what: str, number: int) -> None:
        """Add to what the operations ask for together. Raises TooLarge when that is more than allowed."""
        limit, total = getattr(settings, f"GRAPHQL_MAX_{what.upper()}"), getattr(self, what) + number
        if total > limit:
            raise TooLarge(_TOO_MUCH[what].format(limit))
        setattr(self, what, total)


@dataclass
class Plan:
    """What is known of a document before it is executed."""

    document: DocumentNode
    operations: Mapping[str | None, tuple[OperationType, Cost]]

    @cached_property
    def errors(self) -> tuple[GraphQLError, ...]:
        """What is wrong with the document, found once, and only when it is not refused for what it costs."""
        return _invalid(self.document)

    def operation(self, name: str | None) -> tuple[OperationType, Cost]:
        """Return the type and the cost of the operation to execute.

        Raises RequestError when it is not clear which one is meant.
        """
        if name is None and len(self.operations) == 1:
            (only,) = self.operations.values()
            return only
        if name not in self.operations:
            raise RequestError(400, "The document has no such operation; name one of its operations.")
        return self.operations[name]


def run(context: Context, operation: Operation) -> ExecutionResult:
    """Execute an operation.

    Raises RequestError when there is none that may be executed. Other errors are in the result.
    """
    operation = with_document(operation)
    if not operation.query:
        raise RequestError(400, "Give the document as query.")
    try:
        known = plan(operation.query)
        check(known, context, operation)
    except RequestError:
        raise
    except GraphQLError as error:
        return ExecutionResult(None, [error])
    if known.errors:
        return ExecutionResult(None, list(known.errors))
    remember(operation)
    return _execute(known.document, context, operation)


def check(known: Plan, context: Context, operation: Operation) -> None:
    """Raise TooLarge when an operation exceeds a limit, RequestError when it may not come by GET."""
    kind, cost = known.operation(operation.name)
    for name, value in (operation.variables or {}).items():
        if isinstance(value, list) and len(value) > settings.GRAPHQL_MAX_EVENTS:  # before each item is coerced
            raise TooLarge(f"{name} has more than {settings.GRAPHQL_MAX_EVENTS:,} items.")
    if kind is not OperationType.QUERY and context.request.method == "GET":
        raise RequestError(405, "Mutations need POST.")
    variables = operation.variables or {}
    context.spend("tokens", known.document.token_count)
    context.spend("events", cost.events(variables))
    context.spend("cost", cost.total(variables))


def _execute(document: DocumentNode, context: Context, operation: Operation) -> ExecutionResult:
    result: Any = execute(
        GRAPH,
        document,
        variable_values=operation.variables,
        operation_name=operation.name,
        context_value=context,
        executor_class=TimedExecutor,
        max_coercion_errors=settings.GRAPHQL_MAX_ERRORS,
        **_SYNCHRONOUS,
    )
    return ExecutionResult(result.data, result.errors)


@lru_cache(maxsize=CACHED_DOCUMENTS)
def plan(query: str) -> Plan:
    """Parse and measure a document.

    Raises TooLarge and GraphQLSyntaxError.
    """
    document = parse_document(query)
    meter = Meter(document, lists_of(GRAPH))
    nodes = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    operations = {node.name.value if node.name else None: (node.operation, meter.measure(node)) for node in nodes}
    meter.measure_unused()
    return Plan(document, operations)


def _invalid(document: DocumentNode) -> tuple[GraphQLError, ...]:
    rules = specified_rules if settings.GRAPHQL_INTROSPECTION else (*specified_rules, NoSchemaIntrospectionCustomRule)
    errors = validate(GRAPH, document, rules, settings.GRAPHQL_MAX_ERRORS)
    for error in errors:
        error.extensions = {"code": ErrorCode.GRAPHQL_VALIDATION_FAILED.name}
    return tuple(errors)
