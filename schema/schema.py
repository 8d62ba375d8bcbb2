"""The graph, assembled. Export it with `manage.py export_schema schema.schema:schema`."""

from typing import Any

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.types import get_object_definition

from schema.mutations import EventInput, Mutation
from schema.queries import Query
from schema.scalars import SCALARS
from schema.types import Event, Movie, User, WatchTime

schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    types=[User, Movie, WatchTime, Event],
    config=StrawberryConfig(scalar_map=SCALARS),
)

# Made of what was sent, at once: Strawberry would convert each field by itself, which took as long as the rest
# of a mutation, and the contract checks them all.
_event: Any = schema._schema.type_map["EventInput"]
_event.out_type = EventInput.keep
get_object_definition(EventInput, strict=True).from_input = lambda _kind, made, _context: made
