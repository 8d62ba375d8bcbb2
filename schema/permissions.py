"""Field extensions that ask the policy (`watchtime.access`) before a field is resolved.

Each root field, and each field that leads from a movie to viewers, has one; a test fails otherwise. A read that is
not allowed returns null or an empty list, as if nothing existed; a mutation that is not allowed is an error.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import QuerySet
from strawberry.extensions.field_extension import FieldExtension, SyncExtensionResolver

from schema.context import Context
from schema.errors import ApiError, ErrorCode
from watchtime.access import Caller, Kind
from watchtime.keyset import Order
from watchtime.lists import Nothing

Rule = Callable[[Caller, Mapping[str, Any]], bool]  # of a caller and the field's arguments


class Permission(FieldExtension):
    """Asks the policy before a field is resolved; the field is null when it says no."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def resolve(self, next_: SyncExtensionResolver, source: Any, info: Any, **arguments: Any) -> Any:
        """Return what the resolver returns, or what `refuse` does when the policy says no."""
        context: Context = info.context
        if self.rule(context.caller, arguments):
            return next_(source, info, **arguments)
        return self.refuse(context.caller, arguments)

    def refuse(self, caller: Caller, arguments: Mapping[str, Any]) -> Any:
        """Return the field's value for a caller who may not read it."""
        return None


class ListPermission(Permission):
    """For a connection: an empty list in the order that was asked for, else in `order`."""

    def __init__(self, rule: Rule, order: Order) -> None:
        super().__init__(rule)
        self.order = order

    def refuse(self, caller: Caller, arguments: Mapping[str, Any]) -> Nothing:
        """Return the list without items."""
        asked_for = arguments.get("order_by")
        return Nothing(asked_for.value if asked_for else self.order)


class PlainListPermission(Permission):
    """For a list that is no connection: it is empty."""

    def refuse(self, caller: Caller, arguments: Mapping[str, Any]) -> list[Any]:
        """Return the empty list."""
        return []


class WritePermission(Permission):
    """For a mutation: it is an error when the caller may not make it."""

    def refuse(self, caller: Caller, arguments: Mapping[str, Any]) -> Any:
        """Raise the error."""
        if caller.kind is Kind.ANONYMOUS:
            raise ApiError("You may not do this. Send a token or a password.", ErrorCode.UNAUTHENTICATED)
        raise ApiError("You may not do this.", ErrorCode.FORBIDDEN)


def anyone(caller: Caller, arguments: Mapping[str, Any]) -> bool:
    """Allow everybody: the resolver itself leaves out what the caller may not read."""
    return True


def reads_movies(caller: Caller, arguments: Mapping[str, Any]) -> bool:
    """Decide for data of movies."""
    return caller.may_read_movies()


def reads_the_viewer(caller: Caller, arguments: Mapping[str, Any]) -> bool:
    """Decide for data of the viewer named by the argument `username`, or of all viewers without it."""
    username = arguments.get("username")
    return caller.may_read_viewer(username) if isinstance(username, str) else caller.may_read_viewers()


def reads_viewers(caller: Caller, arguments: Mapping[str, Any]) -> bool:
    """Decide for data of all viewers."""
    return caller.may_read_viewers()


def publishes(caller: Caller, arguments: Mapping[str, Any]) -> bool:
    """Decide for publishing at all; the resolver asks for each event's viewer."""
    return caller.may_publish()


def changes_movies(caller: Caller, arguments: Mapping[str, Any]) -> bool:
    """Decide for changes of movies."""
    return caller.may_change_movies()


def erases_viewers(caller: Caller, arguments: Mapping[str, Any]) -> bool:
    """Decide for erasing viewers."""
    return caller.may_erase_viewers()


def visible(caller: Caller, rows: QuerySet[Any], username: str | None) -> QuerySet[Any]:
    """Return the rows that a caller may read; `username` is where they have their viewer's name, None for movies.

    A row that the caller may not read and one that is not there take the same statement.
    """
    if username is None:
        return rows if caller.may_read_movies() else rows.none()
    if caller.may_read_viewers():
        return rows
    return rows.filter(**{username: caller.viewer}) if caller.viewer is not None else rows.none()
