"""The SDL that is checked in is the schema that is served."""

from pathlib import Path

import pytest
from graphql import GraphQLObjectType, GraphQLSchema, is_introspection_type, is_specified_scalar_type

from schema.schema import schema

SDL = Path(__file__).parents[2] / "schema" / "schema.graphql"


def test_the_sdl_is_up_to_date() -> None:
    assert schema.as_str().strip() == SDL.read_text().strip(), (
        "Run: python manage.py export_schema schema.schema:schema --path schema/schema.graphql"
    )


def served() -> GraphQLSchema:
    return schema._schema


@pytest.mark.parametrize(
    "signature",
    [
        "userTotalWatchTime(username: String!): User",
        "movieTotalWatchTime(pk: ID, slug: String): Movie",
        "userMovieTotalWatchTime(username: String!, moviePk: ID, movieSlug: String): WatchTime",
        "node(id: ID!): Node",
        "publishEvent(event: EventInput!): PublishEventPayload!",
        "publishEvents(events: [EventInput!]!): PublishEventsPayload!",
    ],
)
def test_the_contract_of_the_root_fields(signature: str) -> None:
    name = signature.split("(")[0]
    roots = (served().query_type, served().mutation_type)
    field = next(root.fields[name] for root in roots if isinstance(root, GraphQLObjectType) and name in root.fields)
    arguments = ", ".join(f"{argument}: {definition.type}" for argument, definition in field.args.items())
    assert f"{name}({arguments}): {field.type}" == signature


def test_everything_has_a_description() -> None:
    missing = []
    for name, type_ in served().type_map.items():
        if is_introspection_type(type_) or is_specified_scalar_type(type_):
            continue
        missing += [name] if not type_.description else []
        for field_name, field in getattr(type_, "fields", {}).items():
            missing += [f"{name}.{field_name}"] if not field.description else []
            missing += [
                f"{name}.{field_name}({arg})" for arg, a in getattr(field, "args", {}).items() if not a.description
            ]
        missing += [f"{name}.{value}" for value, v in getattr(type_, "values", {}).items() if not v.description]
    assert missing == []
