"""Pages of a list by keyset: cursors, and the part of a queryset that a page is.

A page starts behind a row's values (keyset), not behind a number of rows
(offset), so the thousandth page costs what the first one does.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar

from django.conf import settings
from django.db.models import Model, QuerySet

from watchtime.models import MAX_SECONDS, MAX_USERNAME_LENGTH
from watchtime.rows import KeysetCondition, keyset_condition

Row = TypeVar("Row", bound=Model)
Key = int | str | datetime

LONGEST_CURSOR = 2_000  # that of a name of characters that JSON escapes has 1,700
_encode = json.JSONEncoder(separators=(",", ":")).encode
_UNSTORABLE = re.compile("[\\0\ud800-\udfff]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class InvalidPage(ValueError):
    """An invalid request for a page: its size is wrong, or its cursor is not one of this list."""


def a_number(value: object) -> int:
    """Return what a cursor holds of a number. Raises ValueError for what no column holds."""
    if type(value) is not int or not 0 <= value <= MAX_SECONDS:
        raise ValueError("not a number that a row can have")
    return value


def a_name(value: object) -> str:
    """Return what a cursor holds of a name. Raises ValueError for what no column holds."""
    if not isinstance(value, str) or not is_storable(value):
        raise ValueError("not a text that a row can have")
    return value


def a_time(value: object) -> datetime:
    """Return the time that is so many microseconds after 1970. Raises ValueError for what no column holds."""
    if type(value) is not int:
        raise ValueError("not a number of microseconds")
    try:
        return _EPOCH + timedelta(microseconds=value)
    except OverflowError:
        raise ValueError("not a time between the years 1 and 9999") from None


def microseconds(moment: datetime) -> int:
    """Return what `a_time` makes this time of."""
    return (moment - _EPOCH) // _MICROSECOND


@dataclass(frozen=True)
class Order:
    """A total order of a table that has an index: its columns, all ascending or all descending."""

    name: str
    columns: tuple[str, ...]
    descending: bool = False
    kinds: tuple[Callable[[object], Key], ...] = (a_number, a_number)  # how a cursor's values are read

    def cursor(self, row: Model) -> str:
        """Return the cursor of a row: opaque to clients, and only good for this order."""
        values = [getattr(row, column) for column in self.columns]
        coded = [microseconds(value) if isinstance(value, datetime) else value for value in values]
        return base64.urlsafe_b64encode(_encode([self.name, *coded]).encode()).decode()

    def values(self, cursor: str, argument: str) -> tuple[Key, ...]:
        """Return what `cursor` made a cursor of.

        Raises InvalidPage, naming the argument, for anything that is no cursor of this order.
        """
        try:
            if len(cursor) > LONGEST_CURSOR:
                raise ValueError
            order, *coded = json.loads(base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True))
            if order == self.name:
                return tuple(read(value) for read, value in zip(self.kinds, coded, strict=True))
        except (ValueError, TypeError, RecursionError, binascii.Error):
            pass
        raise InvalidPage(f"{argument} is not a cursor of this list in this order.")


def is_storable(text: str) -> bool:
    """Whether a row can hold the text: no longer than the longest name, no NUL, no lone surrogate."""
    return len(text) <= MAX_USERNAME_LENGTH and not _UNSTORABLE.search(text)


@dataclass(frozen=True)
class Window:
    """Which part of a list a client asked for."""

    order: Order
    size: int
    after: tuple[Key, ...] | None = None
    before: tuple[Key, ...] | None = None
    backwards: bool = False

    @classmethod
    def of(cls, order: Order, first: int | None, after: str | None, last: int | None, before: str | None) -> Self:
        """Make a window of a connection's arguments.

        Raises InvalidPage when they contradict each other, are too large or hold no cursor.
        """
        if first is not None and last is not None:
            raise InvalidPage("Give first or last, not both.")
        size, name = (first, "first") if last is None else (last, "last")
        if size is not None and not 0 <= size <= settings.GRAPHQL_MAX_PAGE_SIZE:
            raise InvalidPage(f"{name} must be 0 to {settings.GRAPHQL_MAX_PAGE_SIZE}.")
        return cls(
            order=order,
            size=settings.GRAPHQL_PAGE_SIZE if size is None else size,
            after=None if after is None else order.values(after, "after"),
            before=None if before is None else order.values(before, "before"),
            backwards=last is not None,
        )

    @property
    def descending(self) -> bool:
        """Whether the rows are to be read from large to small."""
        return self.order.descending != self.backwards

    def bounds(self) -> list[KeysetCondition]:
        """Return the conditions that a row lies between the cursors."""
        descending, conditions = self.order.descending, []
        if self.after is not None:
            conditions.append(keyset_condition(self.order.columns, self.after, descending=descending))
        if self.before is not None:
            conditions.append(keyset_condition(self.order.columns, self.before, descending=not descending))
        return conditions

    def restrict(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        """Return the rows between the cursors, in the direction of reading."""
        sign = "-" if self.descending else ""
        return rows.filter(*self.bounds()).order_by(*(f"{sign}{column}" for column in self.order.columns))

    def cut(self, rows: QuerySet[Row]) -> list[Row]:
        """Read the page, and one row more, which tells whether there is another page."""
        return list(self.restrict(rows)[: self.size + 1])

    def in_order(self, rows: Sequence[Row]) -> list[Row]:
        """Return what `cut` read in the list's own order, without the row too many."""
        page = list(rows[: self.size])
        return page[::-1] if self.backwards else page

    def neighbours(self, rows: Sequence[Any]) -> tuple[bool, bool]:
        """Return whether there are rows before and after the page that `cut` read."""
        more = len(rows) > self.size
        if self.backwards:
            return more, self.before is not None
        return self.after is not None, more
