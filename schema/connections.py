"""Relay connections over querysets, and lists under many parents in one statement."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, Generic, NamedTuple, Protocol, cast

import strawberry
from django.conf import settings
from django.db import connection
from django.db.models import Model, QuerySet
from strawberry import UNSET, relay
from strawberry.annotation import StrawberryAnnotation
from strawberry.extensions import FieldExtension
from strawberry.extensions.field_extension import SyncExtensionResolver
from strawberry.relay import NodeType
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from schema.pagination import Order, Window, a_number
from watchtime.history import Part, Place, count_events, events
from watchtime.models import WatchTime

BY_ID = Order("ID", ("id",), kinds=(a_number,))
PARTS_OF_A_STATEMENT = 400  # SQLite takes 500
_BATCH = "_schema_batch"
# What clients can read. A viewer is also Django's user, with three times as many columns to read and set.
COLUMNS = {"user": ("username", "total_watch_time"), "movie": ("title", "slug", "total_watch_time")}


class Source(Protocol):
    """Where a connection gets its rows from."""

    def read(self, window: Window) -> Sequence[Model]:
        """Return the rows of the window and one more, as `Window.cut` does."""

    def count(self) -> int | None:
        """Return how many rows there are; None when it would have to count more than the setting allows."""


class Edge(NamedTuple):
    """An item of a page. Its cursor is made when it is asked for."""

    node: Model
    order: Order

    @property
    def cursor(self) -> str:
        return self.order.cursor(self.node)


@strawberry.type(name="Connection", description="A page of a list.")
class Connection(Generic[NodeType]):
    """A page of a source, read when a field needs it. Its window comes from the arguments of `Paging`."""

    source: strawberry.Private[Source]
    order: strawberry.Private[Order]
    window: strawberry.Private[Window] = dataclasses.field(init=False)

    @strawberry.field(description="The items of this page with their cursors.")
    def edges(self) -> list[relay.Edge[NodeType]]:
        """Return the rows of the page in the list's order."""
        rows = self.window.in_order(self._rows)
        return cast("list[relay.Edge[NodeType]]", [Edge(row, self.window.order) for row in rows])

    @strawberry.field(description="Where this page begins and ends, and whether there are more.")
    def page_info(self) -> relay.PageInfo:
        """Return the cursors of both ends."""
        rows = self.window.in_order(self._rows)
        previous, following = self.window.neighbours(self._rows)
        ends = [self.window.order.cursor(row) for row in (rows[:1] + rows[-1:])]
        return relay.PageInfo(
            has_next_page=following,
            has_previous_page=previous,
            start_cursor=ends[0] if ends else None,
            end_cursor=ends[-1] if ends else None,
        )

    @strawberry.field(description="How many items the whole list has; null when too many to count in passing.")
    def total_count(self) -> int | None:
        """Return the length of the list, which no other field computes."""
        return self.source.count()

    @cached_property
    def _rows(self) -> Sequence[Model]:
        return self.source.read(self.window)


def _argument(name: str, kind: object, description: str) -> StrawberryArgument:
    return StrawberryArgument(name, None, StrawberryAnnotation(kind), default=UNSET, description=description)


class Paging(FieldExtension):
    """Gives a field its paging arguments, and the connection that it resolves to the window that they mean."""

    def apply(self, field: StrawberryField) -> None:
        """Put the four arguments before the field's own."""
        field.arguments = [
            _argument("first", int | None, "How many items to read from the start."),
            _argument("after", str | None, "The cursor behind which to start."),
            _argument("last", int | None, "How many items to read from the end."),
            _argument("before", str | None, "The cursor before which to end."),
            *field.arguments,
        ]

    def resolve(
        self,
        next_: SyncExtensionResolver,
        source: Any,
        info: Any,
        *,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        **arguments: Any,
    ) -> Any:
        """Resolve the field without them, then say which page is meant."""
        connection = next_(source, info, **arguments)
        connection.window = Window.of(connection.order, first, after, last, before)
        return connection


def paged(description: str) -> Any:
    """Make a resolver that returns a Connection a field with paging arguments."""
    return strawberry.field(description=description, extensions=[Paging()])


class Rows:
    """A source that is a queryset; what it reads is remembered as read together."""

    def __init__(self, queryset: QuerySet[Any]) -> None:
        self.queryset = queryset

    def read(self, window: Window) -> Sequence[Model]:
        """Read the window in one statement."""
        rows = window.cut(self.queryset)
        remember_together(rows)
        return rows

    def count(self) -> int | None:
        """Count up to one more than the setting, so that a table of any size costs the same."""
        return _unless_too_many(self.queryset.order_by()[: settings.GRAPHQL_MAX_COUNT + 1].count())


class Ledger:
    """A source that is a part of the ledger, newest first; None is a part without events."""

    def __init__(self, part: Part | None) -> None:
        self.part = part

    def read(self, window: Window) -> Sequence[Model]:
        """Read the window in one statement."""
        if self.part is None:
            return []
        newer, older = cast("Place | None", window.after), cast("Place | None", window.before)
        part = self.part.between(above=older, below=newer)
        rows = events(part, window.size + 1, oldest_first=window.backwards)
        remember_together(rows)
        return rows

    def count(self) -> int | None:
        """Count up to one more than the setting, so that a ledger of any size costs the same."""
        return 0 if self.part is None else _unless_too_many(count_events(self.part, settings.GRAPHQL_MAX_COUNT + 1))


class Batch:
    """Objects that were read together, whose own lists are read together, too.

    Without it a list under each of a hundred users would be a hundred statements.
    """

    def __init__(self, objects: Sequence[Model]) -> None:
        self.objects = {item.pk: item for item in objects}
        self.pages: dict[Window, dict[Any, list[WatchTime]]] = {}

    @classmethod
    def of(cls, item: Model) -> "Batch":
        """Return the batch that the object was read in."""
        batch = item.__dict__.get(_BATCH)
        return batch if isinstance(batch, cls) else cls([item])

    @cached_property
    def counts(self) -> Mapping[Any, int | None]:
        """How many watch times each object has; None when they are too many together."""
        name = _name_of(self.objects.values())
        rows = WatchTime.objects.filter(**{f"{name}__in": list(self.objects)}).values(f"{name}_id")
        part, params = rows[: settings.GRAPHQL_MAX_COUNT + 1].query.sql_with_params()
        with connection.cursor() as cursor:
            # The limit is within, so that a movie that everybody watched costs no more than this.
            cursor.execute(f"SELECT {name}_id, COUNT(*) FROM ({part}) AS part GROUP BY {name}_id", params)  # noqa: S608
            counts = dict(cursor.fetchall())
        if _unless_too_many(sum(counts.values())) is None:
            return dict.fromkeys(self.objects)
        return {pk: counts.get(pk, 0) for pk in self.objects}

    def page(self, window: Window) -> dict[Any, list[WatchTime]]:
        """Return the window of every object's watch times, by the object's pk."""
        if window not in self.pages:
            self.pages[window] = self._read(window)
        return self.pages[window]

    def _read(self, window: Window) -> dict[Any, list[WatchTime]]:
        name = _name_of(self.objects.values())
        pages: dict[Any, list[WatchTime]] = {pk: [] for pk in self.objects}
        other = "movie" if name == "user" else "user"
        found = WatchTime.objects.filter(pk__in=list(_first_of_each(name, self.objects, window)))
        columns = ("user_id", "movie_id", "last_moment", "total", *(f"{other}__{column}" for column in COLUMNS[other]))
        rows = list(found.select_related(other).only(*columns).order_by("-pk" if window.descending else "pk"))
        for row in rows:
            pk = getattr(row, f"{name}_id")
            setattr(row, name, self.objects[pk])
            pages[pk].append(row)
        remember_together(rows)
        return pages


class WatchTimesOf:
    """A source that is the watch times of one user or movie."""

    def __init__(self, parent: Model) -> None:
        self.parent = parent
        self.batch = Batch.of(parent)

    def read(self, window: Window) -> Sequence[Model]:
        """Read the window for every object of the batch, once."""
        return self.batch.page(window)[self.parent.pk]

    def count(self) -> int | None:
        """Count for every object of the batch, once."""
        return self.batch.counts[self.parent.pk]


def _unless_too_many(count: int) -> int | None:
    return count if count <= settings.GRAPHQL_MAX_COUNT else None


def remember_together(rows: Sequence[Model]) -> None:
    """Make a batch of rows, and one of each related object that came along with them."""
    _mark(rows)
    if rows and not hasattr(rows[0], "total_watch_time"):
        for name in ("user", "movie"):
            related = [getattr(row, name) for row in rows]
            _mark([item for item in related if _BATCH not in item.__dict__])


def _mark(objects: Sequence[Model]) -> None:
    batch = Batch(objects)
    for item in objects:
        item.__dict__[_BATCH] = batch


def _name_of(objects: Any) -> str:
    return "movie" if next(iter(objects))._meta.model_name == "movie" else "user"


def _first_of_each(name: str, parents: Iterable[int], window: Window) -> Iterator[int]:
    """Yield the ids of the first rows of the window under each parent.

    One statement with a part per parent, each a few steps on the index. Window
    functions number the whole history of every parent, and a join that looks up
    where each part ends tempts PostgreSQL into reading the whole table.
    """
    own = window.restrict(WatchTime.objects.filter(**{name: 0})).values("pk")[: window.size + 1]
    part, (_, *params) = own.query.sql_with_params()
    part = f"SELECT * FROM ({part}) AS part"  # noqa: S608 (Django wrote it, and its values are parameters)
    remaining = iter(parents)
    while chunk := list(islice(remaining, PARTS_OF_A_STATEMENT)):
        with connection.cursor() as cursor:
            statement = " UNION ALL ".join([part] * len(chunk))
            cursor.execute(statement, [param for pk in chunk for param in (pk, *params)])
            yield from (pk for (pk,) in cursor.fetchall())
