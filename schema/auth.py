"""Authentication and rate limits: which caller makes a request, and whether it has asked for too much.

A token (`Authorization: Bearer`) for services and viewers, a password (`Authorization: Basic`) for old clients,
a session for people. Wrong credentials are refused, never treated as anonymous.
"""

import base64
import logging
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from schema.addresses import client_address
from schema.logins import TooManyLogins, check_password
from watchtime.access import OPEN, PERMISSIONS, Caller, Kind, account_caller, anonymous
from watchtime.quota import close, closed, take_quota
from watchtime.tokens import InvalidToken, verify

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
CHALLENGE = 'Bearer realm="watch-time", Basic realm="watch-time", charset="UTF-8"'  # RFC 6750 and RFC 7617
LONGEST_BASIC = 1_000  # characters of base64
LONGEST_USERNAME = 150  # that an account can have
JSON = "application/json"
OWN = "same-origin"  # as Sec-Fetch-Site says it
TOO_MUCH = "Too much was asked for in too short a time. Try again later."
WINDOW = 10  # seconds; short, so that nobody can use up a minute's allowance at once

logger = logging.getLogger(__name__)


class Refused(Exception):
    """A request that is refused because of its caller, with the HTTP status and headers of the answer."""

    def __init__(self, status: int, message: str, headers: dict[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


class Unauthenticated(Refused):
    """The credentials are wrong or missing. The answer does not say in which way they are wrong."""

    def __init__(self, message: str = "The credentials are not valid.") -> None:
        super().__init__(401, message, {"WWW-Authenticate": CHALLENGE})


class Forbidden(Refused):
    """The caller is authenticated and may not do this."""

    def __init__(self, message: str) -> None:
        super().__init__(403, message, {})


class RateLimited(Refused):
    """The caller asked for too much, or tried too many passwords."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(429, message, {"Retry-After": str(retry_after)})


class ForeignSite(Forbidden):
    """A page of another site had a browser send the request."""

    def __init__(self, message: str = "Requests of other sites are not accepted.") -> None:
        super().__init__(message)


def caller(request: HttpRequest) -> Caller:
    """Return who makes a request. Raises Refused, also for a caller who asked for too much."""
    found = _caller(request)
    _refuse_who_has_to_wait(request, found)
    return found


def _caller(request: HttpRequest) -> Caller:
    scheme, _, credentials = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "bearer":
        return _by_token(request, credentials.strip())
    has_session = settings.SESSION_COOKIE_NAME in request.COOKIES
    if scheme or has_session or request.content_type != JSON:
        _refuse_other_sites(request)
    if scheme.lower() == "basic":
        return _account(_by_password(request, credentials.strip()))
    if "HTTP_AUTHORIZATION" in request.META:
        raise Unauthenticated
    return _by_session(request) if has_session else anonymous()


def _by_token(request: HttpRequest, token: str) -> Caller:
    try:
        return verify(token)
    except InvalidToken as error:
        logger.warning("A token from %s was refused: %s", client_address(request), error)
        raise Unauthenticated from None


def _by_password(request: HttpRequest, credentials: str) -> Any:
    username, password = _basic(credentials)
    try:
        user = check_password(request, username, password)
    except TooManyLogins as error:
        raise RateLimited(str(error), error.retry_after) from None
    if user is None:
        raise Unauthenticated
    return user


def _basic(credentials: str) -> tuple[str, str]:
    """Return the username and password of RFC 7617."""
    try:
        if len(credentials) > LONGEST_BASIC:
            raise ValueError
        username, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:
        raise Unauthenticated from None
    if not colon or not 0 < len(username) <= LONGEST_USERNAME or not username.isprintable():
        raise Unauthenticated
    return username, password


def _by_session(request: HttpRequest) -> Caller:
    """Return the session's account. A change must come from one of the service's pages, or have Django's CSRF token."""
    user = request.user
    if not user.is_authenticated:
        return anonymous()
    if request.method not in SAFE_METHODS and not _sites(request) and not _has_csrf_token(request):
        raise ForeignSite("Send the CSRF token of the session in the header X-CSRFToken.")
    return _account(user)


def _has_csrf_token(request: HttpRequest) -> bool:
    check = CsrfViewMiddleware(_unused)
    check.process_request(request)
    return check.process_view(request, _unused, (), {}) is None


def _unused(request: HttpRequest) -> HttpResponse:
    raise NotImplementedError  # the middleware is asked, not run


def _account(user: Any) -> Caller:
    held = filter(user.has_perm, PERMISSIONS)  # one by one: a superuser has them without a look at the database
    return account_caller(user.get_username(), held, is_staff=user.is_staff)


def _refuse_other_sites(request: HttpRequest) -> None:
    """Refuse what a page of another site has a browser send with the user's cookies or password (CSRF).

    Plain forms too: a browser sends them without asking first. Before JSON it asks, and CORS_ALLOWED_ORIGINS answers.
    Raises ForeignSite.
    """
    own = f"{request.scheme}://{request.get_host()}"
    allowed = {OWN, own, *settings.CSRF_TRUSTED_ORIGINS, *settings.CORS_ALLOWED_ORIGINS}
    if request.method not in SAFE_METHODS and not _sites(request) <= allowed:
        raise ForeignSite


def _sites(request: HttpRequest) -> set[str]:
    """Return the origin of the page that had a browser send the request, or its relation; programs name none."""
    origin, referrer = request.META.get("HTTP_ORIGIN"), request.META.get("HTTP_REFERER")
    if origin is not None:
        return {origin}
    if referrer:
        return {_origin(referrer)}
    fetched_from = request.META.get("HTTP_SEC_FETCH_SITE", "none")
    return set() if fetched_from == "none" else {fetched_from}


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url  # equal to no origin of the service
    return f"{parts.scheme}://{parts.netloc}"


def charge(request: HttpRequest, caller: Caller, *, cost: int = 0, events: int = 0) -> None:
    """Count what a request costs, about in microseconds, and the events that it publishes.

    Raises RateLimited when the caller, or the address of an anonymous one, asks for more than the settings allow.
    """
    if caller is OPEN:
        return
    whom = _whom(request, caller)
    for name, amount, limit in (
        ("cost", cost, settings.RATE_LIMIT_COST),
        ("events", events, settings.RATE_LIMIT_EVENTS),
    ):
        if amount and (retry_after := take_quota(f"{name} {whom}", amount, limit * WINDOW // 60, WINDOW)):
            close(whom, WINDOW)
            raise RateLimited(TOO_MUCH, retry_after)


def _refuse_who_has_to_wait(request: HttpRequest, caller: Caller) -> None:
    """Refuse a caller who was told to come back later, before the body is read. Raises RateLimited."""
    if caller is not OPEN and (retry_after := closed(_whom(request, caller), WINDOW)):
        raise RateLimited(TOO_MUCH, retry_after)


def _whom(request: HttpRequest, caller: Caller) -> str:
    """Return the name that limits count a caller under: its address when it is anonymous."""
    return f"address {client_address(request)}" if caller.kind is Kind.ANONYMOUS else str(caller)
