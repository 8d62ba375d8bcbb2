"""`info.context` of resolvers: the HTTP request and response, the caller, and what is left of the request's limits."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Self, cast

import strawberry
from django.conf import settings
from django.http import HttpRequest
from strawberry.django.context import StrawberryDjangoContext

from schema.auth import Refused, charge
from schema.errors import ApiError, ErrorCode, RequestError, TooLarge
from watchtime.access import Caller, anonymous

_MESSAGES = {
    "TOKENS": "The documents of the batch have more than {:,} tokens.",
    "EVENTS": "The request publishes more than {:,} events.",
    "FIELDS": "The answer can have more than {:,} fields; ask for fewer items.",
    "ROWS": "The answer can need more than {:,} rows; ask for fewer items.",
    "INTROSPECTIONS": "The request asks for the schema more than {:,} times.",
}


# What an operation costs, and what each of its units costs, about in microseconds.
COST = 300
COSTS = {"FIELDS": 15, "ROWS": 30, "EVENTS": 30, "INTROSPECTIONS": 5_000}


@dataclass
class Context(StrawberryDjangoContext):
    """The context of a request, or of a call of `schema.execute_sync`, whose operations share its limits."""

    caller: Caller = field(default_factory=anonymous)
    deadline: float = 0.0  # of the operation that is executed, on the monotonic clock
    used: Counter[str] = field(default_factory=Counter)

    @classmethod
    def around(cls, given: Any) -> Self:
        """Return the context that was given, or one with what another has of a request and a response."""
        if isinstance(given, cls):
            return given
        return cls(request=getattr(given, "request", None), response=getattr(given, "response", None))  # type: ignore[arg-type]

    def use(self, what: str, number: int) -> None:
        """Count what an operation asks for.

        Raises TooLarge when the request's operations together ask for more than the setting GRAPHQL_MAX_... allows.
        """
        limit: int = getattr(settings, f"GRAPHQL_MAX_{what}")
        if self.used[what] + number > limit:
            raise TooLarge(_MESSAGES[what].format(limit))
        self.used[what] += number

    def charge(self, units: Mapping[str, int]) -> None:
        """Count what an operation costs among what its caller may ask for in a minute. Raises RequestError."""
        request = cast("HttpRequest | None", self.request)
        if request is None:  # a call within the service
            return
        cost = COST + sum(number * COSTS.get(unit, 0) for unit, number in units.items())
        try:
            charge(request, self.caller, cost=cost, events=units.get("EVENTS", 0))
        except Refused as error:
            for name, value in error.headers.items():
                self.response[name] = value
            raise RequestError.of(error) from None

    def start(self) -> None:
        """Start the clock of an operation."""
        self.deadline = monotonic() + settings.GRAPHQL_TIMEOUT

    def check_time(self) -> None:
        """Raise ApiError when the time of the operation is up."""
        if monotonic() > self.deadline:
            raise ApiError(f"The operation took longer than {settings.GRAPHQL_TIMEOUT} seconds.", ErrorCode.TIMEOUT)


Info = strawberry.Info[Context, None]
