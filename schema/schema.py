"""The graph, assembled. Export it with `manage.py export_schema schema.schema:schema`."""

from typing import Any

import strawberry
from strawberry.schema.config import StrawberryConfig

from schema.mutations import Mutation
from schema.queries import Query
from schema.scalars import SCALARS
from schema.types import Event, Movie, User, WatchTime


class Schema(strawberry.Schema):
    """Strawberry's schema; the view reports errors, so nothing is logged twice."""

    def process_errors(self, errors: Any, execution_context: Any = None) -> None:
        """Leave the errors to the view."""


schema = Schema(
    query=Query,
    mutation=Mutation,
    types=[User, Movie, WatchTime, Event],
    config=StrawberryConfig(scalar_map=SCALARS),
)
