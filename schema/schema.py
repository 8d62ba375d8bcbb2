"""The GraphQL schema, assembled. `manage.py export_schema schema.schema:schema` prints its SDL."""

from functools import cached_property
from typing import cast

import strawberry
from django.conf import settings
from graphql import GraphQLError, GraphQLNamedType, GraphQLObjectType, GraphQLSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from schema.errors import publish_to_client
from schema.extension import Limits
from schema.mutations import Mutation
from schema.queries import Query
from schema.scalars import SCALARS
from schema.types import Event, Movie, User, WatchTime


class Schema(strawberry.Schema):
    """Strawberry's schema, with error codes, and without internal details in errors."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Give errors their codes, mask and log the service's own; Strawberry calls this wherever it has errors."""
        publish_to_client(errors)

    @cached_property
    def graph(self) -> GraphQLSchema:
        """The types that Strawberry executes, as graphql-core's own functions take them."""
        types = {name: each.implementation for name, each in self.schema_converter.type_map.items()}
        return GraphQLSchema(
            query=cast("GraphQLObjectType", types["Query"]),
            mutation=cast("GraphQLObjectType | None", types.get("Mutation")),
            types=[cast("GraphQLNamedType", each) for each in types.values()],
        )


schema = Schema(
    query=Query,
    mutation=Mutation,
    types=[User, Movie, WatchTime, Event],
    extensions=[Limits],
    config=StrawberryConfig(scalar_map=SCALARS, batching_config={"max_operations": settings.GRAPHQL_MAX_BATCH}),
)
