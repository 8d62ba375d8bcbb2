"""The mutations: publishing events, changing a movie's title and duration, erasing a viewer."""

from typing import Annotated, cast
from uuid import UUID

import strawberry
from django.conf import settings
from strawberry import UNSET

from schema.context import Info
from schema.inputs import EventInput
from schema.permissions import WritePermission, changes_movies, erases_viewers, publishes
from schema.types import Movie
from schema.user_errors import UserError
from watchtime import audit
from watchtime.erasure import UnknownViewer, erase
from watchtime.events import WatchEvent, publish
from watchtime.movies import InvalidChange, update_movie


@strawberry.type(description="The result of `publishEvent`: the event's id, or what is wrong with it.")
class PublishEventPayload:
    """The id when it was stored, what is wrong with it otherwise."""

    id: UUID | None = strawberry.field(
        description="The id of the stored event, sent or made; null when the event is invalid."
    )
    user_errors: list[UserError] = strawberry.field(
        description="What is wrong with the event; empty when it was stored."
    )


@strawberry.type(
    description="The result of `publishEvents`: the ids of the stored events, and what is wrong with the others."
)
class PublishEventsPayload:
    """The ids of those that were stored, what is wrong with the others."""

    accepted_count: int = strawberry.field(description="How many events were stored.")
    ids: list[UUID] = strawberry.field(
        description="The ids of the stored events, in the order in which the events were sent."
    )
    user_errors: list[UserError] = strawberry.field(
        description="What is wrong with the other events; a path such as `events`, `3`, `at` names event 3, counted "
        "from 0."
    )


@strawberry.type(description="The result of `eraseViewer`.")
class EraseViewerPayload:
    """How many events are gone, or why none is."""

    erased_events: int = strawberry.field(description="How many events of the viewer were erased.")
    user_errors: list[UserError] = strawberry.field(description="Why the viewer was not erased; empty when it was.")


@strawberry.type(description="The result of `updateMovie`.")
class UpdateMoviePayload:
    """The movie when it was changed, what is wrong with the change otherwise."""

    movie: Movie | None = strawberry.field(description="The movie with the change; null when the change is invalid.")
    user_errors: list[UserError] = strawberry.field(
        description="What is wrong with the change; empty when it was made."
    )


@strawberry.type(description="Writes. A caller who may not make one gets the error `FORBIDDEN` or `UNAUTHENTICATED`.")
class Mutation:
    """The root of every mutation."""

    @strawberry.mutation(
        description="Store one event. It is counted once, soon afterwards. When the error is `SERVICE_UNAVAILABLE`, or "
        "no answer comes, send the event again with the same `id`.",
        extensions=[WritePermission(publishes)],
    )
    def publish_event(
        self, info: Info, event: Annotated[EventInput, strawberry.argument(description="The event.")]
    ) -> PublishEventPayload:
        """Publish one event.

        Raises PublishFailed when the broker did not take it, ApiError when the operation is out of time.
        """
        accepted = _allowed(info, event, "event")
        if isinstance(accepted, list):
            return PublishEventPayload(id=None, user_errors=accepted)
        info.context.check_time()
        publish([accepted])
        return PublishEventPayload(id=accepted.id, user_errors=[])

    @strawberry.mutation(
        description="Store up to 1,000 events. Valid ones are stored even when others are invalid. When the error is "
        "`SERVICE_UNAVAILABLE`, or no answer comes, send all of them again with the same `id`s.",
        extensions=[WritePermission(publishes)],
    )
    def publish_events(
        self,
        info: Info,
        events: Annotated[list[EventInput], strawberry.argument(description="The events, at most 1,000.")],
    ) -> PublishEventsPayload:
        """Publish the valid ones of many events; how many they may be is among the limits of the request.

        Raises PublishFailed when the broker did not take them, ApiError when the operation is out of time.
        """
        accepted, errors = _sort_out(info, events)
        info.context.check_time()
        if accepted:
            publish(accepted)
        return PublishEventsPayload(
            accepted_count=len(accepted), ids=[event.id for event in accepted], user_errors=errors
        )

    @strawberry.mutation(
        description="Erase a viewer and everything that is stored of them, and subtract it from the movies' numbers. "
        "For staff.",
        extensions=[WritePermission(erases_viewers)],
    )
    def erase_viewer(
        self, info: Info, username: Annotated[str, strawberry.argument(description="The viewer's username.")]
    ) -> EraseViewerPayload:
        """Erase a viewer; `manage.py erase_viewer` does the same without this API's limit of time."""
        try:
            events = erase(username)
        except UnknownViewer:
            return EraseViewerPayload(erased_events=0, user_errors=[UserError.not_found("username")])
        audit.record(str(info.context.caller), "eraseViewer", username=username, events=events)
        return EraseViewerPayload(erased_events=events, user_errors=[])

    @strawberry.mutation(
        description="Set a movie's title, its duration or both; what is left out stays. For staff.",
        extensions=[WritePermission(changes_movies)],
    )
    def update_movie(
        self,
        info: Info,
        slug: Annotated[str, strawberry.argument(description="The slug of the movie.")],
        title: Annotated[
            str | None, strawberry.argument(description="The title, at most 200 characters; null removes it.")
        ] = UNSET,
        duration_seconds: Annotated[
            int | None,
            strawberry.argument(description="The length of the movie in seconds, 1 to 86,400; null makes it unknown."),
        ] = UNSET,
    ) -> UpdateMoviePayload:
        """Change what is given of a movie, and leave what is not."""
        given = {"title": title, "duration_seconds": duration_seconds}
        changes = {name: value for name, value in given.items() if value is not UNSET}
        try:
            movie = update_movie(slug, changes)
        except InvalidChange as error:
            return UpdateMoviePayload(movie=None, user_errors=[UserError.of(item) for item in error.errors])
        audit.record(str(info.context.caller), "updateMovie", slug=slug, **changes)
        return UpdateMoviePayload(movie=cast("Movie", movie), user_errors=[])


def _allowed(info: Info, sent: EventInput, *path: str) -> WatchEvent | list[UserError]:
    """Return an event that the caller may publish, or what is wrong with it."""
    event = sent.event(*path)
    if isinstance(event, WatchEvent) and not info.context.caller.may_publish_for(event.user):
        return [UserError.forbidden(*path, "user")]
    return event


def _sort_out(info: Info, inputs: list[EventInput]) -> tuple[list[WatchEvent], list[UserError]]:
    """Return the valid events, and what is wrong with each of the others."""
    accepted: list[WatchEvent] = []
    errors: list[UserError] = []
    for index, item in enumerate(inputs):
        event = _allowed(info, item, "events", str(index))
        if isinstance(event, WatchEvent):
            accepted.append(event)
        else:
            errors += event if len(errors) < settings.GRAPHQL_MAX_USER_ERRORS else event[:1]
    return accepted, errors
