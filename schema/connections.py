"""Relay connections over the lists of `watchtime.lists`, whose pages are read when a field needs them."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Generic, NamedTuple, Self, cast

import strawberry
from django.db.models import Model
from strawberry import UNSET, relay
from strawberry.annotation import StrawberryAnnotation
from strawberry.extensions import FieldExtension
from strawberry.relay import NodeType
from strawberry.relay.fields import ConnectionExtension
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from schema.errors import BadUserInput
from watchtime.keyset import InvalidPage, Order, Window
from watchtime.lists import Source


class Edge(NamedTuple):
    """An item of a page. Its cursor is made when it is asked for."""

    node: Model
    order: Order

    @property
    def cursor(self) -> str:
        """Return the cursor of the item."""
        return self.order.cursor(self.node)


@strawberry.type(name="Connection", description="One page of a list.")
class Connection(relay.Connection[NodeType], Generic[NodeType]):
    """A page by keyset. Strawberry's connection pages by offset, and strawberry_django's compares with OR."""

    source: strawberry.Private[Source]
    window: strawberry.Private[Window]

    @classmethod
    def resolve_connection(cls, nodes: Any, *, info: Any, max_results: int | None = None, **page: Any) -> Self:
        """Return the page of a source that `first`, `after`, `last` and `before` select; None is the same as left out.

        Raises BadUserInput when they contradict each other, are out of range or hold no cursor of the list.
        """
        try:
            window = Window.of(nodes.order, **page)
        except InvalidPage as error:
            raise BadUserInput(str(error)) from None
        return cls(source=nodes, window=window)  # type: ignore[call-arg]

    # The next two stand in for attributes of Strawberry's, so that a page is read only when it is asked for.
    @strawberry.field(description="The items of this page, each with its cursor.")  # type: ignore[misc]
    def edges(self) -> list[relay.Edge[NodeType]]:
        """Return the rows of the page in the list's order."""
        rows = self.window.in_order(self._rows)
        return cast("list[relay.Edge[NodeType]]", [Edge(row, self.window.order) for row in rows])

    @strawberry.field(description="The page's two end cursors, and whether there are more items.")  # type: ignore[misc]
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

    @strawberry.field(
        description="How many items the whole list has; null when there are more than 150,000, which would take too "
        "long to count."
    )
    def total_count(self) -> int | None:
        """Return the length of the list, which no other field computes."""
        return self.source.count()

    @cached_property
    def _rows(self) -> Sequence[Model]:
        return self.source.read(self.window)


def _argument(name: str, kind: object, description: str) -> StrawberryArgument:
    return StrawberryArgument(name, None, StrawberryAnnotation(kind), default=UNSET, description=description)


class Paging(ConnectionExtension):
    """Strawberry's extension for connections, with the paging arguments first and described for this API."""

    def apply(self, field: StrawberryField) -> None:
        """Give the field its four arguments."""
        own = list(field.arguments)
        super().apply(field)
        field.arguments = [
            _argument(
                "first", int | None, "Read so many items, 0 to 100, from the start or after `after`; 20 by default."
            ),
            _argument("after", str | None, "Read the items behind this cursor, such as `endCursor` of a page."),
            _argument("last", int | None, "Read so many items, 0 to 100, from the end or before `before`."),
            _argument("before", str | None, "Read the items in front of this cursor, such as `startCursor` of a page."),
            *own,
        ]


def connection(graphql_type: object, *, description: str, permission: FieldExtension | None = None) -> Any:
    """Declare a connection field whose resolver returns a Source, as `relay.connection` does for other lists."""
    extensions = [*([permission] if permission else []), Paging()]  # from the resolver outwards
    return strawberry.field(graphql_type=graphql_type, description=description, extensions=extensions)
