"""What the tests of the GraphQL endpoint share."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import Settings

from schema import mutations
from watchtime.events import WatchEvent
from watchtime.models import CustomUser, Event, Movie, WatchTime

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def static_root(settings: Settings, tmp_path: Path) -> None:
    """Give whitenoise a directory to look at."""
    settings.STATIC_ROOT = tmp_path


@pytest.fixture
def ask(client: Client) -> Ask:
    """Send a document with its variables over HTTP; returns the decoded answer."""

    def send(query: str, **variables: Any) -> dict[str, Any]:
        response = client.post("/graphql/", {"query": query, "variables": variables}, content_type="application/json")
        assert response["Content-Type"].startswith("application/json"), response.content
        answer: dict[str, Any] = response.json()
        return answer

    return send


@pytest.fixture
def read(ask: Ask) -> Ask:
    """As `ask`, for what must succeed: returns the data."""

    def send(query: str, **variables: Any) -> dict[str, Any]:
        answer = ask(query, **variables)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    return send


@pytest.fixture
def refused(ask: Ask) -> Callable[..., str]:
    """As `ask`, for what must fail: returns the code of the only error."""

    def send(query: str, **variables: Any) -> str:
        (error,) = ask(query, **variables)["errors"]
        code: str = error["extensions"]["code"]
        return code

    return send


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[WatchEvent]:
    """What was handed to the broker."""
    events: list[WatchEvent] = []
    monkeypatch.setattr(mutations, "publish", events.extend)
    return events


@pytest.fixture
def ada(db: None) -> CustomUser:
    return CustomUser.objects.create(username="ada", total_watch_time=2**40)


@pytest.fixture
def dune(db: None) -> Movie:
    return Movie.objects.create(slug="dune", title="Dune", total_watch_time=2**41)


@pytest.fixture
def watched(ada: CustomUser, dune: Movie) -> WatchTime:
    return WatchTime.objects.create(user=ada, movie=dune, last_moment=407, total=2**33)


def make_event(user: CustomUser, movie: Movie, **fields: Any) -> Event:
    """Put an event into the ledger."""
    now = datetime.now(UTC)
    values = {"event_id": uuid4(), "start": 0, "at": 10, "occurred_at": now, "received_at": now, **fields}
    return Event.objects.create(user=user, movie=movie, **values)


def make_grid(users: int, movies: int) -> None:
    """Make users and movies, and a watch time for each pair of them."""
    viewers = CustomUser.objects.bulk_create(
        CustomUser(username=f"user-{number:03}", total_watch_time=number // 2) for number in range(users)
    )
    films = Movie.objects.bulk_create(
        Movie(slug=f"movie-{number:03}", total_watch_time=number // 2) for number in range(movies)
    )
    WatchTime.objects.bulk_create(
        WatchTime(user=viewer, movie=film, last_moment=1, total=1) for viewer in viewers for film in films
    )
