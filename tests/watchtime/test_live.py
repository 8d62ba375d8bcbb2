from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from watchtime import live as module
from watchtime.models import CustomUser, Event, Movie, MovieQuarter

NOW = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_now", lambda: NOW)


def events(seconds_ago: list[float], *, viewers: int = 1, **fields: Any) -> None:
    movie, _ = Movie.objects.get_or_create(slug="alien")
    users = [CustomUser.objects.get_or_create(username=f"viewer-{number}")[0] for number in range(viewers)]
    for number, ago in enumerate(seconds_ago):
        moment = NOW - timedelta(seconds=ago)
        times = {"occurred_at": moment, "received_at": moment, **fields}
        Event.objects.create(event_id=uuid4(), user=users[number % viewers], movie=movie, start=0, at=5, **times)


class TestEventsPerSecond:
    def test_mean_of_five_seconds(self) -> None:
        events([100, 6, 4.9, 3, 1])
        assert module._rate() == 3 / 5

    def test_nothing(self) -> None:
        assert module._rate() == 0

    def test_more_than_it_looks_at(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "RATE_ROWS", (2, 4))
        events([4, 3, 2, 2, 2, 1])
        assert module._rate() == 4 / 2, "four events since two seconds ago"

    def test_looks_at_few_rows_where_few_are_new(self) -> None:
        events([100] * 3)
        with CaptureQueriesContext(connection) as queries:
            module._rate()
        (query,) = queries
        assert "LIMIT 100" in query["sql"]


class TestViewersNow:
    def test_distinct_within_a_minute(self) -> None:
        events([61, 59, 30, 10, 1], viewers=2)
        assert module._viewers() == 2

    def test_the_future_is_not_now(self) -> None:
        events([-5])
        assert module._viewers() == 0


class TestToday:
    @pytest.mark.parametrize(
        ("zone", "seconds"),
        [("UTC", 7), ("Europe/Berlin", 7), ("Asia/Kathmandu", 3), ("Pacific/Kiritimati", 7), ("America/New_York", 7)],
    )
    def test_of_the_zone(self, zone: str, seconds: int) -> None:
        """At 22:30 in UTC it is 04:15 in Kathmandu, where today began at 18:15 in UTC."""
        movie = Movie.objects.create(slug="alien")
        for moment, watched in ((NOW - timedelta(hours=5), 4), (NOW - timedelta(hours=1), 3)):
            period = int(moment.timestamp()) // 900
            MovieQuarter.objects.create(movie=movie, period=period, seconds=watched, events=1)
        assert module._since_midnight({**module._earlier(), **module._recent()}, ZoneInfo(zone)) == seconds

    def test_yesterday_is_not_today(self) -> None:
        movie = Movie.objects.create(slug="alien")
        MovieQuarter.objects.create(
            movie=movie, period=int((NOW - timedelta(hours=23)).timestamp()) // 900, seconds=4, events=1
        )
        assert module._since_midnight({**module._earlier(), **module._recent()}, ZoneInfo("UTC")) == 0
