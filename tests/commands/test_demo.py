"""`demo`: an evening through the broker, once."""

import io
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from broker import BrokerUnavailable, default_broker
from watchtime.demo import BY_SLUG
from watchtime.events import WatchEvent, decode_message
from watchtime.fold import fold
from watchtime.management.commands import demo
from watchtime.models import CustomUser, Event, Movie

pytestmark = pytest.mark.django_db(transaction=True)


def run(*options: str) -> str:
    out = io.StringIO()
    call_command("demo", "--viewers", "3", "--seed", "x", *options, stdout=out)
    return out.getvalue()


def fold_queued() -> int:
    subscription = default_broker().subscribe(default_broker().queue, 10_000)
    deliveries = subscription.receive(10_000, 0)
    subscription.acknowledge(deliveries)
    events = [event for delivery in deliveries for event in decode_message(delivery.body)]
    return fold([event for event in events if isinstance(event, WatchEvent)]).counted


def numbers(summary: str) -> list[int]:
    return [int(number) for number in re.findall(r"(\d+) (?:viewers|events|published|already)", summary)]


def test_an_evening_counts_once() -> None:
    viewers, events, published, known = numbers(run())
    assert (viewers, published, known) == (3, events, 0)
    assert fold_queued() == events == Event.objects.count()
    assert CustomUser.objects.count() == 3
    assert numbers(run())[2:] == [0, events], "the same evening, again"


def test_the_movies_have_titles_and_durations() -> None:
    Movie.objects.create(slug="heat", title="My Heat")
    run()
    fold_queued()
    for movie in Movie.objects.exclude(slug="heat"):
        assert (movie.title, movie.duration_seconds) == (BY_SLUG[movie.slug].title, BY_SLUG[movie.slug].seconds)
    assert Movie.objects.get(slug="heat").title == "My Heat"


def test_live_goes_on_as_it_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[WatchEvent] = []
    monkeypatch.setattr(demo, "publish", published.extend)

    def stop_waiting(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo.time, "sleep", stop_waiting)
    with pytest.raises(CommandError, match="counts nothing twice"):
        run("--live")
    assert published == [], "what comes later is not published before its time"


def test_what_is_due_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(demo.time, "sleep", waits.append)
    now = demo.datetime.now(demo.UTC)
    events = [event for event in demo.evening("x", 3, now) if event.occurred_at <= now]
    assert [event for due in demo._as_they_happen(events) for event in due] == events
    assert waits == []


def test_without_a_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise BrokerUnavailable("nobody answers")

    monkeypatch.setattr(default_broker(), "publish", fail)
    with pytest.raises(CommandError, match="nobody answers; run it again, nothing counts twice"):
        run()
