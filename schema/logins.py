"""Password checks with limits, so that nobody can guess passwords or overload the server with attempts.

Hashing a password takes a core for a fraction of a second. So few are hashed at once, an address has few attempts a
minute, and credentials that were right a moment ago are not hashed again. django-axes locks a name out for a while
for an address that sent wrong passwords.
"""

import hmac
import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from axes.backends import AxesStandaloneBackend
from axes.helpers import get_cool_off
from axes.signals import user_locked_out
from axes.utils import reset
from cachetools import TTLCache
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import authenticate, get_user_model
from django.core.exceptions import ValidationError
from django.dispatch import receiver
from django.http import HttpRequest

from schema.addresses import client_address
from watchtime.quota import close, closed, take_quota

ATTEMPTS_A_MINUTE = 30  # of one address, whatever the names
AT_ONCE = 3  # attempts of all addresses in each process: one is hashed, the others wait
REMEMBERED = 60  # seconds, for which right credentials need no new hash
MINUTE = 60
RETRY_AFTER = 5  # seconds, where too many log in at once

logger = logging.getLogger(__name__)
_admitted = threading.BoundedSemaphore(AT_ONCE)
_hashing = threading.Lock()
_key = secrets.token_bytes(32)
_right: "TTLCache[bytes, str]" = TTLCache(maxsize=1_000, ttl=REMEMBERED)
_right_lock = threading.Lock()


class TooManyLogins(Exception):
    """An attempt that is refused before its password is checked; `retry_after` is the seconds to wait."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("Too many attempts to log in. Try again later.")
        self.retry_after = retry_after


def check_password(request: HttpRequest, username: str, password: str) -> Any | None:
    """Return the active account that has this password, None when none has. Raises TooManyLogins."""
    ticket = hmac.digest(_key, f"{username}\0{password}".encode(), "sha256")
    if (user := _account_of(ticket, username)) is not None:
        return user
    with slot(request):
        user = authenticate(request, username=username, password=password)
    if getattr(request, "axes_locked_out", False):
        request.axes_locked_out = False  # type: ignore[attr-defined]  # answered here, not by axes's middleware
        raise TooManyLogins(int(get_cool_off(request).total_seconds()))
    if user is not None:
        reset(ip=client_address(request), username=username)
        with _right_lock:
            _right[ticket] = user.password
    return user


def _account_of(ticket: bytes, username: str) -> Any | None:
    """Return the active account for remembered credentials, if the account still has that password; else None."""
    with _right_lock:
        stored = _right.get(ticket)
    if stored is None:
        return None
    return get_user_model().objects.filter(username=username, password=stored, is_active=True).first()


def forget() -> None:
    """Forget all remembered credentials."""
    with _right_lock:
        _right.clear()


@contextmanager
def slot(request: HttpRequest) -> Iterator[None]:
    """Let one attempt to log in pass. Raises TooManyLogins before anything is hashed, or asked of the database."""
    _refuse_who_tries_too_often(client_address(request))
    if not _admitted.acquire(blocking=False):
        logger.warning("An attempt to log in from %s is refused: too many at once", client_address(request))
        raise TooManyLogins(RETRY_AFTER)
    try:
        with _hashing:
            yield
    finally:
        _admitted.release()


def _refuse_who_tries_too_often(address: str) -> None:
    key = f"login {address}"
    if retry_after := closed(key, MINUTE):
        raise TooManyLogins(retry_after)
    if retry_after := take_quota(key, 1, ATTEMPTS_A_MINUTE, MINUTE):
        close(key, MINUTE)
        logger.warning("Attempts to log in from %s are refused for %d seconds: too many", address, retry_after)
        raise TooManyLogins(retry_after)


class Lockout(AxesStandaloneBackend):  # type: ignore[misc]  # axes has no types
    """axes's lockout as an authentication backend, which Django asks before it hashes a password."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        """Return None to let the other backends decide. Without a request, nobody is there to be refused."""
        if request is not None:
            super().authenticate(request, **credentials)


@receiver(user_locked_out)
def _log_lockout(ip_address: str, **details: Any) -> None:
    logger.warning("An attempt to log in from %s is refused: that name is locked out for the address", ip_address)


class LoginForm(AdminAuthenticationForm):
    """The admin's login form, with the same limits."""

    def clean(self) -> dict[str, Any]:
        try:
            with slot(cast("HttpRequest", self.request)):
                return super().clean()
        except TooManyLogins as error:
            raise ValidationError(str(error)) from None
