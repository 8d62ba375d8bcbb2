"""What only pages need of Django's middleware, kept off the paths that programs call.

Clients of the API have no session, no messages, no forms and no frames; running these for them took a third of
what Django itself does for a request.
"""

from collections.abc import Callable
from typing import Any, cast

from csp.middleware import CSPMiddleware
from django.conf import settings
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


class PagePolicy(CSPMiddleware):
    """The content security policy, on pages: in JSON there is nothing that a browser would run."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Return the response with the policy."""
        if response.get("Content-Type", "").startswith("text/html"):
            return super().process_response(request, response)
        return response


def not_stored(get_response: GetResponse) -> GetResponse:
    """Keep answers out of every cache that does not know better: they tell what people watched."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answer


class ForPeople:
    """Makes a middleware of the class it precedes that leaves alone what comes from a program."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response."""
        is_persons = request.path_info.startswith(ADMIN) or settings.SESSION_COOKIE_NAME in request.COOKIES
        handle = super().__call__ if is_persons else self.get_response  # type: ignore[misc]
        return cast("HttpResponseBase", handle(request))


class SessionMiddleware(ForPeople, sessions.SessionMiddleware):
    """Sessions."""


class AuthenticationMiddleware(ForPeople, auth.AuthenticationMiddleware):
    """The user of the session."""


class MessageMiddleware(ForPeople, messages.MessageMiddleware):
    """Messages to the next page."""
