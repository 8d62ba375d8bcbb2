"""The most that a viewer may watch in a day: what exceeds it is a dead letter, what is counted stays a repeat."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import DjangoAssertNumQueries, Settings

from broker import Delivery, TryAgain
from tests.factories import event
from watchtime import ingest
from watchtime.daily_limit import over_daily_limit
from watchtime.events import WatchEvent
from watchtime.fold import fold
from watchtime.ingest import IngestHandler
from watchtime.totals import user_total

pytestmark = pytest.mark.django_db(transaction=True)
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def limit(settings: Settings) -> None:
    settings.VIEWER_DAY_MAX_SECONDS = 100


def watched(seconds: int, hour: float = 1, **fields: Any) -> WatchEvent:
    return event(at=1000, start=1000 - seconds, occurred_at=MIDNIGHT + timedelta(hours=hour), **fields)


def test_a_day_ends_where_the_limit_is() -> None:
    events = [watched(60), watched(41), watched(40), watched(1), watched(0), watched(100, user="ben")]
    assert over_daily_limit(events) == {1, 3}


def test_days_are_of_utc_by_the_time_watched() -> None:
    events = [watched(100, hour) for hour in (-0.001, 0, 23.999, 24)]
    assert over_daily_limit(events) == {2}


def test_what_the_ledger_has_counts_and_its_repeats_pass() -> None:
    counted = watched(90)
    fold([counted, watched(100, hour=30)])
    small, large = watched(10), watched(11)
    assert over_daily_limit([counted, large, small, small, watched(1), counted]) == {1, 4}
    assert over_daily_limit([watched(101, user="ben", id=counted.id)]) == {0}, "the id is another viewer's"


def test_without_a_limit_nobody_is_asked(settings: Settings, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    settings.VIEWER_DAY_MAX_SECONDS = 0
    with django_assert_num_queries(0):
        assert over_daily_limit([watched(1000)] * 3) == set()


def test_a_query_a_day_and_one_more(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(3):
        over_daily_limit([watched(1, hour, user=f"u{n}") for n in range(50) for hour in (1, 25)])


def test_the_consumer_makes_dead_letters_of_them() -> None:
    handler = IngestHandler()
    events = [watched(60), watched(60), watched(40)]
    rejections = handler([Delivery(b"[%s]" % b",".join(one.encode() for one in events[:2]), 1), delivered(events[2])])
    assert [(rejection.body, rejection.reason) for rejection in rejections] == [
        (events[1].encode(), "at: The viewer's day would have more than the 100 seconds that are allowed")
    ]
    assert (handler.counted, handler.refused) == (2, 1)
    user = user_total("anna")
    assert user
    assert user.total_watch_time == 100


def test_a_database_that_is_away_refuses_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_events: object) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(ingest, "over_daily_limit", away)
    with pytest.raises(TryAgain):
        IngestHandler()([delivered(watched(1))])


def delivered(one: WatchEvent) -> Delivery:
    return Delivery(one.encode(), 2)
