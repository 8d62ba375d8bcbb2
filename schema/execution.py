"""How an operation is executed: planned once for its document, then run within its limits.

Strawberry's `execute_sync` takes an operation through five rounds of extension hooks, which
cost as much as a small query and of which nothing here has a use.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from django.conf import settings
from django.http import HttpRequest
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    get_variable_values,
    specified_rules,
    validate,
)
from graphql.execution.values import VariableValues

from schema.compiler import Compiler, Complete
from schema.costs import Cost
from schema.errors import BadUserInput, ErrorCode, RequestError
from schema.executor import Execution
from schema.limits import Meter, TooLarge, lists_of, parse_document
from schema.persisted import remember, with_document
from schema.request import Operation
from schema.schema import schema
from watchtime.requests import name_operation

GRAPH = schema._schema
LONGEST_TEXT = 100_000  # of a variable; those that are right have 2,000 at most
NO_VARIABLES = VariableValues({}, {})
CACHED_DOCUMENTS = 256  # each up to a megabyte, which only documents at the limits take
_LIMITS = {
    "tokens": ("GRAPHQL_MAX_TOKENS", "The documents of the batch have more than {:,} tokens."),
    "items": ("GRAPHQL_MAX_EVENTS", "The variables have more than {:,} items."),
    "events": ("GRAPHQL_MAX_EVENTS", "The operation publishes more than {:,} events."),
    "cost": ("GRAPHQL_MAX_COST", "The operation costs more than {:,}; ask for fewer items."),
}


@dataclass
class Context:
    """What the operations of a request share."""

    request: HttpRequest
    cost: int = 0
    tokens: int = 0
    items: int = 0
    events: int = 0

    def spend(self, what: str, number: int) -> None:
        """Add to what the operations ask for together. Raises TooLarge when that is more than allowed."""
        setting, message = _LIMITS[what]
        limit, total = getattr(settings, setting), getattr(self, what) + number
        if total > limit:
            raise TooLarge(message.format(limit))
        setattr(self, what, total)


@dataclass
class Planned:
    """An operation of a document, with what is known of it before it is executed."""

    node: OperationDefinitionNode
    cost: Cost
    compiled: Complete | None = None


@dataclass
class Plan:
    """What is known of a document."""

    document: DocumentNode
    operations: Mapping[str | None, Planned]
    has_directives: bool

    @cached_property
    def errors(self) -> tuple[GraphQLError, ...]:
        """What is wrong with the document, found once, and only when it is not refused before."""
        return _invalid(self.document)

    def operation(self, name: str | None) -> Planned:
        """Return the operation to execute.

        Raises RequestError when it is not clear which one is meant.
        """
        if name is None and len(self.operations) == 1:
            (only,) = self.operations.values()
            return only
        if name not in self.operations:
            raise RequestError(400, "The document has no such operation; name one of its operations.")
        return self.operations[name]

    def compiled(self, planned: Planned, variables: VariableValues) -> Complete:
        """Return what makes an operation's data, compiled once unless directives ask for other fields each time."""
        if self.has_directives:
            return Compiler(GRAPH, self.document, variables).operation(planned.node)
        if planned.compiled is None:
            planned.compiled = Compiler(GRAPH, self.document, NO_VARIABLES).operation(planned.node)
        return planned.compiled


def run(context: Context, operation: Operation) -> ExecutionResult:
    """Execute an operation.

    Raises RequestError when there is none that may be executed. Other errors are in the result.
    """
    operation = with_document(operation)
    if not operation.query:
        raise RequestError(400, "Give the document as query.")
    try:
        known = plan(operation.query)
        planned = known.operation(operation.name)
        check(planned, context, operation)
        context.spend("tokens", known.document.token_count)
        if known.errors:
            return ExecutionResult(None, list(known.errors))
        remember(operation)
        return _execute(known, planned, context, operation)
    except RequestError:
        raise
    except GraphQLError as error:
        return ExecutionResult(None, [error])


def check(planned: Planned, context: Context, operation: Operation) -> None:
    """Raise RequestError when an operation may not come by GET, another error when its variables are too much."""
    if planned.node.operation is not OperationType.QUERY and context.request.method == "GET":
        raise RequestError(405, "Mutations need POST.")
    lists = [value for value in (operation.variables or {}).values() if isinstance(value, list)]
    context.spend("items", sum(map(len, lists)))
    if any(map(_is_endless, (operation.variables or {}).values())):
        raise BadUserInput(f"A variable has a text or a name of more than {LONGEST_TEXT:,} characters.")


def _is_endless(value: object) -> bool:
    """Whether a variable, or an item of it, is a text, or has a name, so long that saying what is wrong takes long."""
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, str) and len(item) > LONGEST_TEXT:
            return True
        if isinstance(item, dict) and max(map(len, item), default=0) > LONGEST_TEXT:
            return True
    return False


def _execute(known: Plan, planned: Planned, context: Context, operation: Operation) -> ExecutionResult:
    """Execute a valid operation. Raises TooLarge when it costs more than allowed with these variables."""
    name_operation(_name(planned.node))
    definitions = planned.node.variable_definitions or ()
    variables = get_variable_values(GRAPH, definitions, operation.variables or {}, settings.GRAPHQL_MAX_ERRORS)
    if isinstance(variables, list):
        return ExecutionResult(None, variables)
    context.spend("events", planned.cost.events(variables.coerced))
    context.spend("cost", planned.cost.total(variables.coerced))
    return Execution(context, variables).run(known.compiled(planned, variables))


def _name(node: OperationDefinitionNode) -> str:
    """Name a valid operation by the one field that it asks for; clients' own names could be any number of names."""
    selections = node.selection_set.selections
    if len(selections) != 1 or not isinstance(selections[0], FieldNode):
        return "several"
    name = selections[0].name.value
    return "introspection" if name.startswith("__") else name


@lru_cache(maxsize=CACHED_DOCUMENTS)
def plan(query: str) -> Plan:
    """Parse and measure a document.

    Raises TooLarge and GraphQLSyntaxError.
    """
    document = parse_document(query)
    meter = Meter(document, lists_of(GRAPH))
    nodes = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    operations = {node.name.value if node.name else None: Planned(node, meter.measure(node)) for node in nodes}
    meter.measure_unused()
    return Plan(document, operations, meter.has_directives)


def _invalid(document: DocumentNode) -> tuple[GraphQLError, ...]:
    rules = specified_rules if settings.GRAPHQL_INTROSPECTION else (*specified_rules, NoSchemaIntrospectionCustomRule)
    errors = validate(GRAPH, document, rules, settings.GRAPHQL_MAX_ERRORS)
    for error in errors:
        error.extensions = {"code": ErrorCode.GRAPHQL_VALIDATION_FAILED.name}
    return tuple(errors)
