"""The events that clients send, and how they get to the event contract.

GraphQL coerces the variables before any resolver runs, and one wrong type among a thousand events would
refuse them all. Events of a list among the variables are therefore handed to the resolver as they were sent,
and the contract, which checks every field anyway, says what is wrong with each.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import strawberry
from strawberry import UNSET
from strawberry.types import get_object_definition
from strawberry.utils.str_converters import to_camel_case

from schema.scalars import AsSent
from schema.user_errors import UserError
from watchtime.events import InvalidEvent, WatchEvent
from watchtime.metrics import refused

EVENT_INPUT = "EventInput"  # the name of the type below in the graph
WITH_DEFAULTS = frozenset({"start", "positional"})  # its fields whose type takes no null


@strawberry.input(
    description="A report of viewing: a viewer watched a movie from `start` to `at`. It adds `at - start` seconds to "
    "the totals."
)
class EventInput:
    """An event as it was sent, in `fields`, which the event contract checks. Known fields are attributes as well."""

    fields: strawberry.Private[object]
    user: str = strawberry.field(
        description="The viewer's username: 1 to 100 letters, digits and @ . + - _, such as `anna`. Upper and lower "
        "case differ. For a name with other characters, such as a space, send an id of the viewer instead, "
        "such as a UUID."
    )
    slug: str = strawberry.field(
        description="The movie's slug: 1 to 50 ASCII letters, digits, - and _, such as `alien`."
    )
    at: int = strawberry.field(
        description="Where the viewing ended, in seconds into the movie: 0 to 86,400, such as 407."
    )
    start: int = strawberry.field(
        default=0, description="Where the viewing began, in seconds into the movie: 0 to `at`."
    )
    id: UUID | None = strawberry.field(
        default=UNSET,
        description="The idempotency key, unique for the viewer. Send the same one when you send the event again, so "
        "that it counts once. A UUID of any version, best 7. Made by the service when it is left out.",
    )
    occurred_at: datetime | None = strawberry.field(
        default=UNSET,
        description="When it was watched, from 1970 to a day from now. The time of acceptance when it is left out.",
    )
    positional: bool = strawberry.field(
        default=True,
        description="Whether `start` and `at` are moments of the movie. Send false when only the length of the viewing "
        "is known: then `start` is 0 and `at` is the length, in seconds.",
    )

    @classmethod
    def of(cls, sent: Mapping[str, Any]) -> Self:
        """Make an input of a mapping from the schema's field names to values."""
        made, original = cls.__new__(cls), sent.get("id")
        made.fields = original.value if isinstance(original, AsSent) else sent
        if isinstance(made.fields, Mapping):
            vars(made).update({_NAMES[name]: value for name, value in made.fields.items() if name in _NAMES})
        return made

    def event(self, *path: str) -> WatchEvent | list[UserError]:
        """Return the event, or what is wrong with the one at this path of the mutation's arguments."""
        if not isinstance(self.fields, Mapping):
            return _judged(self.fields, path)
        named = {_NAMES.get(name, name): _number(value) for name, value in self.fields.items() if name not in _NO_NAMES}
        misnamed = [UserError.unknown(*path, name) for name in _NO_NAMES & self.fields.keys()]
        judged = _judged(named, path)
        return [*(judged if isinstance(judged, list) else ()), *misnamed] if misnamed else judged


_definition = get_object_definition(EventInput, strict=True)
# From the schema's names to the contract's.
_NAMES = {to_camel_case(field.python_name): field.python_name for field in _definition.fields}
_NO_NAMES = WatchEvent.model_fields.keys() - _NAMES.keys()  # names of the contract that the schema writes differently
# Strawberry would convert each field of each event by itself, which took longer than the contract.
_definition.from_input = lambda _type, sent, _context: EventInput.of(sent)


def _judged(fields: object, path: tuple[str, ...]) -> WatchEvent | list[UserError]:
    try:
        return WatchEvent.from_fields(fields)
    except InvalidEvent as error:
        refused(error.errors[0].code)
        return [UserError.of(item, *path) for item in error.errors]


def _number(value: object) -> object:
    """Return 60 for 60.0: GraphQL's Int accepts it, the contract does not."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def pass_on(variables: Mapping[str, Any], events: Mapping[str, bool]) -> dict[str, Any]:
    """Return the variables so that their events come to the resolver as they were sent.

    `events` are the names of those that hold events, with whether they are lists. Of a single event, which
    GraphQL coerces, only the nulls are removed: null means the same as left out.
    """
    passed = dict(variables)
    for name in events.keys() & variables.keys():
        value = variables[name]
        if events[name] and value is not None:
            passed[name] = [_disguised(item) for item in (value if isinstance(value, list) else [value])]
        elif isinstance(value, dict):
            passed[name] = {key: item for key, item in value.items() if item is not None or key not in WITH_DEFAULTS}
    return passed


def _disguised(event: object) -> dict[str, object]:
    """Return an event that GraphQL takes, whose id carries the one that was sent."""
    return {"user": "", "slug": "", "at": 0, "id": AsSent(event)}
