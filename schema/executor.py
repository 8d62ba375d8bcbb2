"""One execution of an operation: what it has used up, and what went wrong."""

from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol

from django.conf import settings
from graphql import ExecutionResult, FieldNode, GraphQLError, located_error
from graphql.execution.values import VariableValues

from schema.costs import INTROSPECTED
from schema.errors import ApiError, ErrorCode, code_of

Position = tuple[Any, str | int] | None  # in the answer: that above, and the name or index there; None is the top
_ENDS = {ErrorCode.TIMEOUT, ErrorCode.TOO_LARGE}


class Budget(Protocol):
    """What the operations of a request may cost together."""

    def spend(self, what: str, number: int) -> None:
        """Add to what they cost. Raises TooLarge when that is more than allowed."""


class Execution:
    """An operation that is executed until its time, or what it may cost, is used up."""

    def __init__(self, budget: Budget, variables: VariableValues) -> None:
        self.variables = variables
        self._budget = budget
        self._errors: list[GraphQLError] = []
        self._end = monotonic() + settings.GRAPHQL_TIMEOUT

    def run(self, complete: Callable[[Any, "Execution", Position], Any]) -> ExecutionResult:
        """Return the data that a compiled operation makes, and the errors that it met."""
        try:
            data = complete(None, self, None)
        except GraphQLError as error:
            return ExecutionResult(None, [*self._errors, error])
        return ExecutionResult(data, self._errors or None)

    def enter(self, introspected: int) -> None:
        """Go on to an object, which adds so many objects and fields to what the schema is asked of itself.

        Raises ApiError when the time is up, TooLarge when the schema is asked for more of itself than allowed.
        """
        if monotonic() > self._end:
            raise ApiError(ErrorCode.TIMEOUT, f"The operation took longer than {settings.GRAPHQL_TIMEOUT} seconds.")
        if introspected:
            self._budget.spend("cost", INTROSPECTED * introspected)

    def fail(self, error: Exception, nodes: list[FieldNode], position: Position, nullable: bool) -> None:
        """Keep an error whose place can be null; the answer goes on with null there.

        Raises it, with its place, where there can be no null, and where the operation is used up: field
        after field would fail.
        """
        located = located_error(error, nodes, _path(position))
        if not nullable or code_of(located) in _ENDS:
            raise located
        self._errors.append(located)


def _path(position: Position) -> list[str | int]:
    path: list[str | int] = []
    while position is not None:
        position, key = position
        path.append(key)
    return path[::-1]
