"""The API through the real client libraries."""

import asyncio
import json
from uuid import uuid4

import pytest
from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport, HTTPXTransport
from graphql import GraphQLError, GraphQLSchema, build_schema, print_schema

from tests.clients.conftest import Node, Total
from tests.services import ROOT

PUBLISH = "mutation ($event: EventInput!) { publishEvent(event: $event) { id userErrors { code } } }"
USERS = "query ($after: String) { users(first: 1, after: $after) { edges { node { id username } } } }"


def publish(user: str, at: int) -> GraphQLRequest:
    event = {"id": str(uuid4()), "user": user, "slug": "stalker", "at": at}
    return GraphQLRequest(PUBLISH, variable_values={"event": event})


@pytest.fixture
def two_viewers(live_service: str, total_of: Total) -> None:
    client = Client(transport=HTTPXTransport(url=f"{live_service}/graphql/"))
    for name in ("a-first", "a-second"):
        client.execute(publish(name, 10))
        total_of(name)


@pytest.mark.usefixtures("two_viewers")
def test_apollo_joins_pages_and_caches_by_id(live_service: str, node: Node) -> None:
    seen = json.loads(node("apollo.mjs", f"{live_service}/graphql/"))
    assert seen == {"joined": ["a-first", "a-second"], "same": True, "refused": "BAD_USER_INPUT"}


@pytest.mark.usefixtures("two_viewers")
def test_urql_pages_and_caches(live_service: str, node: Node) -> None:
    seen = json.loads(node("urql.mjs", f"{live_service}/graphql/"))
    assert seen == {"joined": ["a-first", "a-second"], "same": True, "refused": "BAD_USER_INPUT", "requests": 4}


def test_gql_reads_the_schema_by_introspection(live_service: str) -> None:
    transport = HTTPXTransport(url=f"{live_service}/graphql/")
    all_of_it = {"specified_by_url": True, "input_value_deprecation": True}
    with Client(transport=transport, fetch_schema_from_transport=True, introspection_args=all_of_it) as session:
        schema = session.client.schema
        assert isinstance(schema, GraphQLSchema)
        sdl = build_schema((ROOT / "schema" / "schema.graphql").read_text())
        assert set(print_schema(schema).splitlines()) == set(print_schema(sdl).splitlines())
        with pytest.raises(GraphQLError, match="Cannot query field"):
            session.execute(GraphQLRequest("{ nothing }"))


def test_gql_gets_the_code_of_an_error(live_service: str) -> None:
    client = Client(transport=HTTPXTransport(url=f"{live_service}/graphql/"))
    with pytest.raises(TransportQueryError) as refused:
        client.execute(GraphQLRequest(USERS, variable_values={"after": "nonsense"}))
    assert refused.value.errors is not None
    assert refused.value.errors[0]["extensions"]["code"] == "BAD_USER_INPUT"


def test_gql_publishes_side_by_side(live_service: str, total_of: Total) -> None:
    async def publish_all() -> None:
        async with Client(transport=HTTPXAsyncTransport(url=f"{live_service}/graphql/")) as session:
            answers = await asyncio.gather(*(session.execute(publish("hal", 1)) for _ in range(50)))
            assert all(answer["publishEvent"]["userErrors"] == [] for answer in answers)
            await session.execute(publish("hal-after", 1))

    asyncio.run(publish_all())
    total_of("hal-after")
    assert total_of("hal") == 50
