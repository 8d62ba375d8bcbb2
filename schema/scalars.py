"""The custom scalars (Seconds, UUID, DateTime), and how arguments of their types are read."""

from datetime import datetime
from typing import NewType
from uuid import UUID

import strawberry
from pydantic import TypeAdapter, ValidationError
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.types.scalar import ScalarDefinition

from schema.errors import BadUserInput
from watchtime.events import Time

_TIME: TypeAdapter[datetime] = TypeAdapter(Time)
MAX_TEXT = 100
Seconds = NewType("Seconds", int)


class AsSent:
    """Carries a client's value past GraphQL's coercion. No JSON decodes to an object of this class."""

    def __init__(self, value: object) -> None:
        self.value = value


def _text(value: object) -> str | AsSent:
    """Return a string as it was sent: the event contract checks it, so that an error has the path of its field."""
    if isinstance(value, AsSent):
        return value
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise StrawberryInputCoercionError(f"Expected a string of at most {MAX_TEXT} characters.")
    return value


def read_time(value: object, argument: str) -> datetime:
    """Return the time of an argument in UTC. Raises BadUserInput when it is not RFC 3339 with an offset."""
    try:
        return _TIME.validate_python(value)
    except ValidationError as error:
        raise BadUserInput(f"{argument}: {error.errors()[0]['msg']}") from None


def _not_an_input(value: object) -> int:
    raise StrawberryInputCoercionError("Seconds cannot be an input.")


SCALARS: dict[object, ScalarDefinition] = {
    Seconds: strawberry.scalar(
        name="Seconds",
        description="A number of seconds, as a JSON integer. It may be greater than an `Int` can be (2,147,483,647), "
        "up to 2^63 - 1.",
        serialize=int,
        parse_value=_not_an_input,
    ),
    UUID: strawberry.scalar(
        name="UUID",
        description="A UUID, such as `01890a5d-ac96-774b-bcce-b302099a8057`.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc9562",
        serialize=str,
        parse_value=_text,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="An RFC 3339 time with its offset, such as `2026-01-31T20:15:00+01:00`.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=datetime.isoformat,
        parse_value=_text,
    ),
}
