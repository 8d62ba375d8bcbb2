"""What the tests of who may do what share: a service that is closed, and people of each kind."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.cache import cache
from pytest_django import Settings

from schema import analytics, logins
from tests.access.graph import VICTIM
from tests.access.tokens import sign
from tests.factories import event
from watchtime.fold import fold
from watchtime.live import Live

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


@pytest.fixture
def watched(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events of anna and of the victim, and no limits on what one operation asks for."""
    monkeypatch.setattr(analytics, "live", lambda zone: Live(0.5, 210, 2, 0, 0))  # the same whenever it is asked
    for name in dir(django_settings):
        if name.startswith("GRAPHQL_MAX_"):
            setattr(settings, name, 10**9)
    fold([event(at=60), event(user=VICTIM, at=70), event(user=VICTIM, slug="heat", at=80)])


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the viewers whose events were published by a mutation."""
    users: list[str] = []
    monkeypatch.setattr("schema.mutations.publish", lambda events: users.extend(event.user for event in events))
    return users


def basic(username: str, password: str = PASSWORD) -> dict[str, str]:
    """Return the headers of HTTP Basic."""
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def bearer(scope: str, subject: str = "backend", **claims: Any) -> dict[str, str]:
    """Return the headers of a token with this scope."""
    return {"Authorization": f"Bearer {sign(sub=subject, scope=scope, **claims)}"}
