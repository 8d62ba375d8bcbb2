"""The schema extension: limits, validation and time limit of every operation, by HTTP and by `schema.execute_sync`."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from schema import persisted
from schema.context import Context
from schema.documents import Operation, read_document
from schema.errors import BadUserInput, RequestError
from schema.inputs import pass_on
from watchtime.replica import read_connection, reading
from watchtime.requests import name_operation

if TYPE_CHECKING:
    from schema.schema import Schema

LONGEST_TEXT = 100_000  # characters of a variable; valid ones have 2,000 at most
_PARAMETERS = (("query", str), ("variables", dict), ("operationName", str), ("extensions", dict))
_WORDS = {str: "a string", dict: "an object"}


class Limits(SchemaExtension):
    """Finds the document of an operation, refuses what exceeds a limit or is invalid, and bounds the time it takes."""

    def on_operation(self) -> Iterator[None]:
        """Prepare the operation. Raises GraphQLError, which Strawberry answers with, where it is refused."""
        execution = self.execution_context
        context = execution.context = Context.around(execution.context)
        name = execution.operation_name  # while there is no document, the name that the client gave
        _check_parameters(execution.query, execution.variables, name, execution.operation_extensions)
        execution.query = persisted.document_text(execution.query, execution.operation_extensions)
        graph = cast("Schema", execution.schema).graph
        document = read_document(graph, execution.query)
        operation = document.operation(name)
        if operation.type not in execution.allowed_operations:
            raise RequestError(405, "Mutations need POST.")
        context.use("TOKENS", document.node.token_count)
        execution.variables = _variables(context, operation, execution.variables or {})
        execution.graphql_document = document.node
        execution.pre_execution_errors = document.validate(graph, execution.validation_rules)
        if not execution.pre_execution_errors:
            name_operation(operation.name)
            persisted.remember(execution.query, execution.operation_extensions)
        context.start()
        with (
            reading(may_be_late=operation.type is OperationType.QUERY),
            read_connection().execute_wrapper(_in_time(context)),
        ):
            yield


def _check_parameters(*given: object) -> None:
    """Raise RequestError for a parameter of a wrong type."""
    for (name, kind), value in zip(_PARAMETERS, given, strict=True):
        if value is not None and not isinstance(value, kind):
            raise RequestError(400, f"{name} must be {_WORDS[kind]}.")


def _variables(context: Context, operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables to execute with.

    Raises TooLarge when the operation asks for too much with them, BadUserInput when one would take long to refuse.
    """
    units = operation.price.in_units({**operation.defaults, **given})
    for unit, number in units.items():
        if number:
            context.use(unit, number)
    context.charge(units)
    if any(map(_is_endless, given.values())):
        raise BadUserInput(f"A variable has a text or a name of more than {LONGEST_TEXT:,} characters.")
    return pass_on(given, operation.events)


def _is_endless(value: object) -> bool:
    """Say whether a variable, or an item of it, is or has a text so long that reporting what is wrong takes long."""
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, str) and len(item) > LONGEST_TEXT:
            return True
        if isinstance(item, dict) and max(map(len, item), default=0) > LONGEST_TEXT:
            return True
    return False


def _in_time(context: Context) -> Callable[..., Any]:
    """Return a wrapper of Django's statements that raises ApiError once the operation's time is up."""

    def execute(send: Callable[..., Any], *statement: Any) -> Any:
        context.check_time()
        return send(*statement)

    return execute
