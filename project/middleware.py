"""Django's middleware for people who log in, kept off the paths that programs call.

Clients of the API have no session and no messages; running these for them took a quarter of what Django
itself does for a request.
"""

from typing import Any, cast

from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest
from django.http.response import HttpResponseBase

ADMIN = "/admin/"


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
