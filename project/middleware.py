"""What only pages need of Django's middleware, kept off the paths that programs call.

Clients of the API have no session, no messages, no forms and no frames; running these for them took a third of
what Django itself does for a request.
"""

from collections.abc import Callable
from typing import Any, cast

from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from schema.view import PATH, graphql

ADMIN = "/admin/"
GetResponse = Callable[[HttpRequest], HttpResponseBase]


def graphql_first(get_response: GetResponse) -> GetResponse:
    """Answer the GraphQL endpoint without the middleware that follows and the search for a URL."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        return graphql(request) if request.path_info == f"/{PATH}" else get_response(request)

    return answer


class ForAdmin:
    """Makes a middleware of the class it precedes that leaves alone what is not below the admin's path."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response."""
        handle = super().__call__ if request.path_info.startswith(ADMIN) else self.get_response  # type: ignore[misc]
        return cast("HttpResponseBase", handle(request))


class SessionMiddleware(ForAdmin, sessions.SessionMiddleware):
    """Sessions."""


class AuthenticationMiddleware(ForAdmin, auth.AuthenticationMiddleware):
    """The user of the session."""


class MessageMiddleware(ForAdmin, messages.MessageMiddleware):
    """Messages to the next page."""
