"""The writes of the graph: an event, or many."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

import strawberry
from django.conf import settings
from strawberry import UNSET

from schema.errors import UserError
from watchtime.events import InvalidEvent, WatchEvent, publish
from watchtime.metrics import refused

_FIELDS = {"occurredAt": "occurred_at"}  # the contract's names, where the graph has others


@strawberry.input(description="A viewer watched a movie from one moment to another.")
class EventInput:
    """An event, as clients send it; the fields are for the schema, the values are in `sent`."""

    sent: strawberry.Private[Mapping[str, Any]]
    user: str = strawberry.field(description="The viewer's name: 1 to 100 letters, digits and @ . + - _")
    slug: str = strawberry.field(description="The movie's slug: 1 to 50 ASCII letters, digits, - and _")
    at: int = strawberry.field(description="The moment that was reached, in seconds into the movie: 0 to 86,400.")
    start: int = strawberry.field(
        default=0, description="Where this stretch of viewing began, in seconds into the movie: 0 to `at`."
    )
    id: UUID | None = strawberry.field(
        default=UNSET, description="The idempotency key: repeats of an event carry the same. Made when not given."
    )
    occurred_at: datetime | None = strawberry.field(
        default=UNSET, description="When it was watched; when it was accepted, if not given."
    )
    positional: bool = strawberry.field(
        default=True,
        description="Whether `start` and `at` are moments of the movie. False: only their difference is known, "
        "and `start` is 0.",
    )

    @classmethod
    def keep(cls, sent: Mapping[str, Any]) -> Self:
        """Make an input of what a client sent, by the names in the graph."""
        made = cls.__new__(cls)
        made.sent = sent
        return made

    def event(self) -> WatchEvent:
        """Return the event.

        Raises InvalidEvent when it breaks the contract.
        """
        fields = {_FIELDS.get(name, name): value for name, value in self.sent.items() if value is not None}
        return WatchEvent.from_fields(fields)


@strawberry.type(description="What became of an event.")
class PublishEventPayload:
    """The id when it was stored, what is wrong with it otherwise."""

    id: UUID | None = strawberry.field(description="The id that the event is stored under; null when it is invalid.")
    user_errors: list[UserError] = strawberry.field(description="What is wrong with the event; empty when stored.")


@strawberry.type(description="What became of a batch of events.")
class PublishEventsPayload:
    """The ids of those that were stored, what is wrong with the others."""

    accepted_count: int = strawberry.field(description="How many events were stored.")
    ids: list[UUID] = strawberry.field(description="The ids of the stored events, in the order they were sent in.")
    user_errors: list[UserError] = strawberry.field(description="What is wrong with the others, by their index.")


@strawberry.type(description="What can be written.")
class Mutation:
    """The root of every mutation."""

    @strawberry.mutation(
        description="Store an event, to be counted exactly once. SERVICE_UNAVAILABLE: send it again, same id."
    )
    def publish_event(
        self, event: Annotated[EventInput, strawberry.argument(description="The event.")]
    ) -> PublishEventPayload:
        """Publish one event.

        Raises PublishFailed when the broker did not take it.
        """
        try:
            accepted = event.event()
        except InvalidEvent as error:
            refused(error.errors[0].code)
            return PublishEventPayload(id=None, user_errors=[UserError.of(item, "event") for item in error.errors])
        publish([accepted])
        return PublishEventPayload(id=accepted.id, user_errors=[])

    @strawberry.mutation(description="Store up to 1,000 events; the valid ones of a batch are stored.")
    def publish_events(
        self, events: Annotated[list[EventInput], strawberry.argument(description="The events, at most 1,000.")]
    ) -> PublishEventsPayload:
        """Publish the valid ones of many events.

        Raises PublishFailed when the broker did not take them. How many they may be is among schema.execution's limits.
        """
        accepted, errors = _sort_out(events)
        if accepted:
            publish(accepted)
        return PublishEventsPayload(
            accepted_count=len(accepted), ids=[event.id for event in accepted], user_errors=errors
        )


def _sort_out(inputs: list[EventInput]) -> tuple[list[WatchEvent], list[UserError]]:
    """Return the valid events, and what is wrong with each of the others."""
    accepted: list[WatchEvent] = []
    errors: list[UserError] = []
    for index, item in enumerate(inputs):
        try:
            accepted.append(item.event())
        except InvalidEvent as error:
            refused(error.errors[0].code)
            told = error.errors if len(errors) < settings.GRAPHQL_MAX_USER_ERRORS else error.errors[:1]
            errors += [UserError.of(field, "events", str(index)) for field in told]
    return accepted, errors
