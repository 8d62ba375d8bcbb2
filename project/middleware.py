"""Django's middleware for sessions, users and messages, run only for requests that have a session.

Programs send no session cookie; running these for them took a third of what Django itself does for a request.
"""

from collections.abc import Callable
from typing import Any, cast

from csp.middleware import CSPMiddleware
from django.conf import settings
from django.contrib.auth import middleware as auth
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from schema.legacy import no_database
from watchtime.database import OUTAGES

ADMIN = "/admin/"
GetResponse = Callable[[HttpRequest], HttpResponseBase]


def has_session(request: HttpRequest) -> bool:
    """Say whether a request has a session cookie, or is for the admin, which creates sessions."""
    has_cookie = "HTTP_COOKIE" in request.META and settings.SESSION_COOKIE_NAME in request.COOKIES
    return has_cookie or request.path_info.startswith(ADMIN)


class PagePolicy(CSPMiddleware):
    """Adds the content security policy to HTML answers only: a browser runs nothing in JSON."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response, a page with the policy. No policy here has a nonce, so no request needs one."""
        response = cast("HttpResponseBase", self.get_response(request))
        if response.headers.get("Content-Type", "").startswith("text/html"):
            return self.process_response(request, response)
        return response


def not_stored(get_response: GetResponse) -> GetResponse:
    """Add `Cache-Control: no-store` to answers without that header: they tell what people watched."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answer


class Outages:
    """Answers for views that meet a database that is away, such as the admin's: in JSON, and one line of the log."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """Return the answer to what a view raised; None where that is no outage."""
        return no_database(request, error) if isinstance(error, OUTAGES) else None


class ForSessions:
    """A mixin that has a middleware skip requests without a session."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response."""
        handle = super().__call__ if has_session(request) else self.get_response  # type: ignore[misc]
        return cast("HttpResponseBase", handle(request))


class SessionMiddleware(ForSessions, sessions.SessionMiddleware):
    """Sessions, read when something asks for them."""


class AuthenticationMiddleware(ForSessions, auth.AuthenticationMiddleware):
    """Sets `request.user` to the session's user, read when it is needed; AnonymousUser without a session."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response."""
        request.user = AnonymousUser()
        return super().__call__(request)


class MessageMiddleware(ForSessions, messages.MessageMiddleware):
    """Messages to the next page."""
