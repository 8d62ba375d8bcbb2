"""The fold: each event once, whatever the order, the batches and the repeats."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.factories import event
from watchtime import fold as fold_module
from watchtime.events import WatchEvent
from watchtime.fold import Folded, fold
from watchtime.models import MAX_SECONDS, CustomUser, Event, Movie, WatchTime

pytestmark = pytest.mark.django_db


def tables() -> tuple[object, ...]:
    """Return all that a fold writes, but for keys and times."""
    return (
        set(Event.objects.values_list("event_id", "user__username", "movie__slug", "start", "at", "occurred_at")),
        set(WatchTime.objects.values_list("user__username", "movie__slug", "last_moment", "total")),
        set(CustomUser.objects.values_list("username", "total_watch_time")),
        set(Movie.objects.values_list("slug", "total_watch_time")),
    )


def test_one_event_moves_the_three_totals() -> None:
    assert fold([event(user="anna", slug="alien", start=10, at=40)]) == Folded(1, 0, ())
    pair = WatchTime.objects.get(user__username="anna", movie__slug="alien")
    assert (pair.total, pair.last_moment) == (30, 40)
    assert pair.user.total_watch_time == pair.movie.total_watch_time == 30
    assert Event.objects.get().received_at is not None


def test_a_viewer_first_seen_cannot_log_in() -> None:
    fold([event(user="anna"), event(user="ben")])
    passwords = set(CustomUser.objects.values_list("password", flat=True))
    assert len(passwords) == 2, "no two share what a password reset link is made from"
    assert not any(viewer.has_usable_password() for viewer in CustomUser.objects.all())


def test_totals_are_by_viewer_by_movie_and_by_pair() -> None:
    fold([event(user="anna", slug="alien", at=5), event(user="anna", slug="heat", at=7)])
    fold([event(user="ben", slug="alien", at=11), event(user="anna", slug="alien", start=2, at=4)])
    assert dict(CustomUser.objects.values_list("username", "total_watch_time")) == {"anna": 14, "ben": 11}
    assert dict(Movie.objects.values_list("slug", "total_watch_time")) == {"alien": 18, "heat": 7}
    assert WatchTime.objects.get(user__username="anna", movie__slug="alien").last_moment == 5


def test_an_empty_batch_does_nothing() -> None:
    assert fold([]) == Folded(0, 0, ())


def test_repeats_are_counted_once() -> None:
    one = event(at=10)
    assert fold([one, one, one]) == Folded(1, 2, ())
    assert fold([one]) == Folded(0, 1, ())
    assert Movie.objects.get().total_watch_time == 10


def test_a_repeat_may_be_dated_otherwise() -> None:
    """`occurred_at` defaults to when a door accepted the event: a client's retry gets a later one."""
    one = event(at=10)
    again = WatchEvent.decode(one.encode().replace(b"2026-01-01", b"2026-01-02"))
    assert again.occurred_at != one.occurred_at
    assert fold([one, again]) == Folded(1, 1, ())


@pytest.mark.parametrize("changes", [{"user": "ben"}, {"slug": "heat"}, {"start": 1}, {"at": 11}])
def test_other_content_under_a_known_id_is_a_conflict(changes: dict[str, object]) -> None:
    one = event(user="anna", slug="alien", start=0, at=10)
    other = event(**{**one.model_dump(), **changes})
    assert fold([one, other, one]) == Folded(1, 1, (1,))
    assert fold([other, event(user="zoe"), one, other]) == Folded(1, 1, (0, 3))
    assert CustomUser.objects.get(username="anna").total_watch_time == 10


def test_a_total_passes_32_bits() -> None:
    fold([event(at=1)])
    Movie.objects.update(total_watch_time=2**31)
    fold([event(at=10)])
    assert Movie.objects.get().total_watch_time == 2**31 + 10


def test_a_total_beyond_64_bits_is_refused_whole() -> None:
    fold([event(user="anna", at=1)])
    Movie.objects.update(total_watch_time=MAX_SECONDS - 5)
    before = tables()
    with pytest.raises((IntegrityError, DataError)):
        fold([event(user="ben", at=10)])
    assert tables() == before


MANY = [event(user=f"u{n % 50}", slug=f"m{n % 7}", at=n) for n in range(1, 2001)]


@contextmanager
def statements() -> Iterator[list[str]]:
    with CaptureQueriesContext(connection) as captured:
        sqls: list[str] = []
        yield sqls
    sqls += [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]


def test_the_number_of_statements_does_not_depend_on_the_batch() -> None:
    fold([event(user=f"u{n}", slug=f"m{n % 7}") for n in range(50)])
    for batch in (MANY[:1], MANY[1:11], MANY[11:]):
        with statements() as steady:
            fold(batch)
        assert len(steady) == 6, "viewers, movies, ledger, pairs, viewers' totals, movies' totals"
        with statements() as repeated:
            fold(batch)
        assert len(repeated) == 4, "viewers, movies, ledger, and what the ledger has"
    with statements() as fresh:
        fold([event(user=f"new{n}", slug=f"new{n}") for n in range(300)])
    assert len(fresh) == 10, "two more to make viewers, two more to make movies"


class FoldLaws(TestCase):
    """Any split, any order and any repeats of the same events give the same tables."""

    events = st.lists(
        st.builds(
            lambda event_id, user, slug, stretch: event(
                id=event_id, user=user, slug=slug, start=min(stretch), at=max(stretch)
            ),
            st.uuids(),
            st.sampled_from(["anna", "ben", "cleo"]),
            st.sampled_from(["alien", "heat"]),
            st.tuples(st.integers(0, 100), st.integers(0, 86_400)),
        ),
        max_size=12,
        unique_by=lambda one: one.id,
    )

    @given(events, st.data())
    @settings(max_examples=60, deadline=None)
    def test_order_batches_and_repeats_do_not_matter(self, events: list[WatchEvent], data: st.DataObject) -> None:
        repeated = data.draw(st.lists(st.sampled_from(events), max_size=12)) if events else []
        shuffled = data.draw(st.permutations(events + repeated))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))
        assert self.outcome([events]) == self.outcome(slices(shuffled, cuts))

    def outcome(self, batches: Sequence[Sequence[WatchEvent]]) -> tuple[object, ...]:
        Event.objects.all().delete()
        WatchTime.objects.all().delete()
        CustomUser.objects.all().delete()
        Movie.objects.all().delete()
        for batch in batches:
            fold(batch)
        return tables()


def slices(items: Sequence[WatchEvent], cuts: Sequence[int]) -> list[Sequence[WatchEvent]]:
    return [items[start:end] for start, end in pairwise([0, *cuts, len(items)])]


class Deadlock(Exception):
    sqlstate = "40P01"


def fail_first(monkeypatch: pytest.MonkeyPatch, times: int, cause: Exception) -> list[int]:
    """Make the first `times` folds fail at their last step; return the list that grows with each call."""
    calls: list[int] = []
    real = fold_module._add_to_totals

    def flaky(entries: object) -> None:
        calls.append(1)
        real(entries)  # type: ignore[arg-type]
        if len(calls) <= times:
            raise OperationalError("deadlock detected") from cause

    monkeypatch.setattr(fold_module, "_add_to_totals", flaky)
    return calls


def test_a_deadlock_replays_the_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = fail_first(monkeypatch, 2, Deadlock())
    assert fold([event(at=10)]) == Folded(1, 0, ())
    assert len(calls) == 3
    assert Movie.objects.get().total_watch_time == 10


def test_any_other_database_error_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = fail_first(monkeypatch, 1, ValueError("disk full"))
    with pytest.raises(OperationalError):
        fold([event(at=10)])
    assert len(calls) == 1
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_parallel_folds_count_each_event_once() -> None:
    """Four threads fold overlapping batches over the same few hot rows, in different orders."""
    batches = [MANY[start : start + 100] for start in range(0, 1000, 50)]
    errors: list[BaseException] = []

    def work(mine: list[Sequence[WatchEvent]]) -> None:
        try:
            for batch in mine:
                fold(batch)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(batches[n:] + batches[:n],)) for n in range(0, 20, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    expected = {f"m{n}": sum(one.at for one in MANY[:1050] if one.slug == f"m{n}") for n in range(7)}
    assert dict(Movie.objects.values_list("slug", "total_watch_time")) == expected
    assert Event.objects.count() == 1050


@pytest.mark.django_db(transaction=True)
def test_parallel_folds_of_the_same_events_wait_for_each_other(caplog: pytest.LogCaptureFixture) -> None:
    """Given in opposite orders: without an order of the fold's own they deadlock, and are replayed at best."""
    caplog.set_level(logging.INFO, logger="watchtime.fold")
    batches = [[event(user=f"u{n}", slug=f"m{n % 50}") for n in range(200)] for _ in range(20)]
    ready = threading.Barrier(2, timeout=30)

    def work(step: int) -> None:
        try:
            for batch in batches:
                ready.wait()
                fold(batch[::step])
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(step,)) for step in (1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Event.objects.count() == 4000
    assert "replaying" not in caplog.text


def test_ids_are_uuids_on_every_database() -> None:
    one = event(id=uuid4())
    fold([one])
    assert Event.objects.get(event_id=one.id).event_id == UUID(str(one.id))
