"""What becomes of imported rows: each second counts once, however often and however long a play is exported."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchtime.events import WatchEvent
from watchtime.fold import fold
from watchtime.importers.distinct import Occurrences
from watchtime.importers.plays import Play
from watchtime.importers.rows import Place, Row
from watchtime.importing import Importing, describe_movies
from watchtime.models import Event, Movie

pytestmark = pytest.mark.django_db

KEYS = count()
BEGINS = datetime(2026, 1, 1, 23, 50, tzinfo=UTC)


@pytest.fixture
def folded(monkeypatch: pytest.MonkeyPatch) -> list[WatchEvent]:
    """Count what is published at once; give all of it."""
    published: list[WatchEvent] = []

    def publish(events: list[WatchEvent]) -> None:
        assert fold(events).conflicts == ()
        published.extend(events)

    monkeypatch.setattr("watchtime.importing.publish", publish)
    return published


def take(*rows: Row) -> Importing:
    with Occurrences() as occurrences:
        importing = Importing(occurrences)
        importing.take(rows)
    return importing


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(exports=st.lists(st.tuples(st.integers(1, 8000), st.integers(-2000, 2000)), min_size=1, max_size=6))
def test_the_longest_export_of_a_growing_play_is_what_counts(
    folded: list[WatchEvent], exports: list[tuple[int, int]]
) -> None:
    key = ("test", next(KEYS))
    viewer = f"viewer-{key[1]}"
    for number, (seconds, shift) in enumerate(exports, 1):
        begins = BEGINS + timedelta(seconds=shift)
        take(Play(key, viewer, "Alien", begins, seconds, grows=True).row(Place("line", 1)))
        longest = max(told for told, _ in exports[:number])
        counted = Event.objects.filter(user__username=viewer).values_list("start", "at")
        assert sum(at - start for start, at in counted) == longest


def test_many_rows_are_published_in_batches(folded: list[WatchEvent]) -> None:
    rows = [Play(("test", n), f"viewer-{n % 7}", "Alien", BEGINS, 2000).row(Place("line", n)) for n in range(1000)]
    first, second = take(*rows), take(*rows)
    assert (first.rows, first.events, first.new, first.known) == (1000, 3000, 3000, 0)
    assert (second.rows, second.events, second.new, second.known) == (1000, 3000, 0, 3000)
    assert len(folded) == 3000


def test_the_longest_titles_are_cut_to_what_a_movie_holds(folded: list[WatchEvent]) -> None:
    describe_movies([Play(("test",), "anna", "x" * 300, BEGINS, 60).row(Place("line", 1))])
    assert Movie.objects.get().title == "x" * 200
