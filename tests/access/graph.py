"""What the tests of the GraphQL endpoint ask it, and for whom."""

from typing import Any

from django.test import Client

VICTIM, OWN, UNKNOWN = "victim-of-it", "anna", "nobody-there"
PUBLISH = "mutation ($event: EventInput!) { publishEvent(event: $event) { id userErrors { path code } } }"
PUBLISH_MANY = (
    "mutation ($events: [EventInput!]!) { publishEvents(events: $events) { acceptedCount userErrors { path code } } }"
)


def ask(client: Client, query: str, headers: dict[str, str] | None = None, **variables: Any) -> Any:
    body = {"query": query, "variables": variables}
    return client.post("/graphql/", body, content_type="application/json", headers=headers or {}).json()


def an_event(user: str) -> dict[str, Any]:
    return {"user": user, "slug": "alien", "at": 60}
