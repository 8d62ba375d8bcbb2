"""What a caller may ask for in a while."""

from collections.abc import Callable

import pytest
from pytest_django import Settings

from watchtime.quota import take_quota

WINDOW = 10

Clock = Callable[[float], None]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Set the time."""
    return lambda now: monkeypatch.setattr("watchtime.quota.time.time", lambda: now)


def test_each_window_has_its_own(at: Clock) -> None:
    at(1_000_000.0)
    assert [take_quota("a", 1, 3, WINDOW) for _ in range(3)] == [None] * 3
    assert take_quota("a", 1, 3, WINDOW) == WINDOW
    at(1_000_007.5)
    assert take_quota("a", 1, 3, WINDOW) == 3
    assert take_quota("b", 3, 3, WINDOW) is None
    at(1_000_000.0 + WINDOW)
    assert take_quota("a", 3, 3, WINDOW) is None


def test_what_is_refused_is_not_counted(at: Clock) -> None:
    at(1_000_000.0)
    assert take_quota("a", 2, 3, WINDOW) is None
    assert take_quota("a", 100, 3, WINDOW)
    assert take_quota("a", 1, 3, WINDOW) is None


def test_names_of_any_form(at: Clock) -> None:
    for name in ("a b", "x" * 1_000, "ü\n", ""):
        assert take_quota(name, 1, 6_000, WINDOW) is None


def test_redis_counts_for_all_processes_and_limits_nobody_when_away(settings: Settings, at: Clock) -> None:
    at(1_000_000.0)
    settings.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"IGNORE_EXCEPTIONS": True, "SOCKET_CONNECT_TIMEOUT": 0.2},
        }
    }
    assert [take_quota("a", 100, 3, WINDOW) for _ in range(3)] == [None] * 3
