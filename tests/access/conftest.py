"""What the tests of who may do what share: a service that is closed, and people of each kind."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.cache import cache
from pytest_django import Settings

from schema import logins
from tests.access.tokens import sign

PASSWORD = "vExs8-rest-of-it"
Login = Callable[..., Any]


@pytest.fixture(autouse=True)
def closed(settings: Settings) -> None:
    settings.ALLOW_ANONYMOUS = False


@pytest.fixture(autouse=True)
def fresh_counts() -> Iterator[None]:
    """Count nothing from one test to the next."""
    cache.clear()
    logins.forget()
    yield
    cache.clear()


@pytest.fixture
def account(db: None) -> Login:
    """Make an account with permissions of `watchtime`; every one has the same password."""

    def make(username: str, *codenames: str, **fields: Any) -> Any:
        made = get_user_model().objects.create_user(username, password=PASSWORD, **fields)
        for name in codenames:
            made.user_permissions.add(Permission.objects.get(content_type__app_label="watchtime", codename=name))
        return made

    return make


def basic(username: str, password: str = PASSWORD) -> dict[str, str]:
    """Return the headers of HTTP Basic."""
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def bearer(scope: str, subject: str = "backend", **claims: Any) -> dict[str, str]:
    """Return the headers of a token with this scope."""
    return {"Authorization": f"Bearer {sign(sub=subject, scope=scope, **claims)}"}
