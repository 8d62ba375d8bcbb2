"""The fold: each event once, whatever the order, the batches and the repeats."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection
from django.test.utils import CaptureQueriesContext

from tests.factories import event
from tests.watchtime.oracle import curves, expected, stored
from watchtime import fold as fold_module
from watchtime.aggregates import Pair
from watchtime.events import WatchEvent
from watchtime.fold import Folded, fold
from watchtime.models import BLOCK_SECONDS, MAX_SECONDS, CustomUser, Event, Movie, MovieDay, MovieQuarter, WatchTime

pytestmark = pytest.mark.django_db


def tables() -> tuple[object, ...]:
    """Return all that a fold writes, but for keys and the time of counting."""
    event = ("event_id", "user__username", "movie__slug", "start", "at", "positional", "occurred_at")
    return (
        set(Event.objects.values_list(*event)),
        set(WatchTime.objects.values_list("user__username", "movie__slug", *Pair.COLUMNS)),
        set(CustomUser.objects.values_list("username", "total_watch_time")),
        set(Movie.objects.values_list("slug", "total_watch_time")),
        {(slug, *curves(slug)) for slug in Movie.objects.values_list("slug", flat=True)},
        set(MovieQuarter.objects.values_list("movie__slug", "period", "seconds", "events")),
        set(MovieDay.objects.values_list("movie__slug", "period", "seconds", "events")),
    )


def test_one_event_moves_the_three_totals() -> None:
    assert fold([event(user="anna", slug="alien", start=10, at=40)]) == Folded(1, 0, ())
    pair = WatchTime.objects.get(user__username="anna", movie__slug="alien")
    assert (pair.total, pair.last_moment) == (30, 40)
    assert pair.user.total_watch_time == pair.movie.total_watch_time == 30
    assert Event.objects.get().received_at is not None


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
    """`occurred_at` defaults to when an endpoint accepted the event: a client's retry gets a later one."""
    one = event(at=10)
    again = WatchEvent.decode(one.encode().replace(b"2026-01-01", b"2026-01-02"))
    assert again.occurred_at != one.occurred_at
    assert fold([one, again]) == Folded(1, 1, ())


OTHER_CONTENT = [{"slug": "heat"}, {"start": 1}, {"at": 11}, {"positional": False}]


@pytest.mark.parametrize("changes", OTHER_CONTENT)
def test_other_content_under_a_known_id_is_a_conflict(changes: dict[str, object]) -> None:
    one = event(user="anna", slug="alien", start=0, at=10)
    other = event(**{**one.model_dump(), **changes})
    assert fold([one, other, one]) == Folded(1, 1, (1,))
    assert fold([other, event(user="zoe"), one, other]) == Folded(1, 1, (0, 3))
    assert CustomUser.objects.get(username="anna").total_watch_time == 10


def test_a_conflict_leaves_no_movie_and_no_viewer_behind() -> None:
    one = event(user="anna", slug="alien", at=10)
    other = event(**{**one.model_dump(), "slug": "ghost"})
    assert fold([one, other]) == Folded(1, 0, (1,))
    before = tables()
    assert fold([other, other]) == Folded(0, 0, (0, 1))
    assert tables() == before
    assert not Movie.objects.filter(slug="ghost").exists()


def test_an_id_is_its_viewers_own() -> None:
    """Nobody can use up another viewer's id, neither before its owner nor after."""
    mine = event(user="anna", at=10)
    theirs = event(**{**mine.model_dump(), "user": "mallory", "at": 50})
    assert fold([theirs]) == Folded(1, 0, ())
    assert fold([mine, theirs]) == Folded(1, 1, ())
    assert dict(CustomUser.objects.values_list("username", "total_watch_time")) == {"anna": 10, "mallory": 50}


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


SETTINGS = connection.vendor == "postgresql"  # one statement for the planner
STEADY = (
    "viewers, movies, ledger; pairs and curves, each read and written; quarters, days; totals of viewers and movies"
)


@contextmanager
def statements() -> Iterator[list[str]]:
    with CaptureQueriesContext(connection) as captured:
        sqls: list[str] = []
        yield sqls
    sqls += [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]


def test_the_number_of_statements_does_not_depend_on_the_batch() -> None:
    fold([event(user=f"u{n % 50}", slug=f"m{n % 7}", at=1) for n in range(350)])
    fold([event(slug=f"m{n}", start=at, at=at + 1) for n in range(7) for at in range(0, 2001, BLOCK_SECONDS)])
    for batch in (MANY[:1], MANY[1:11], MANY[11:]):
        with statements() as steady:
            fold(batch)
        assert len(steady) == 11 + SETTINGS, STEADY
        with statements() as repeated:
            fold(batch)
        assert len(repeated) == 4 + SETTINGS, "viewers, movies, ledger, and what the ledger has"
    with statements() as fresh:
        fold([event(user=f"new{n}", slug=f"new{n}") for n in range(300)])
    assert len(fresh) == 13 + SETTINGS, (
        "one more each to make viewers, movies, pairs and curves; none to update the latter two"
    )


def test_postgresql_finds_the_rows_of_empty_tables_by_their_keys() -> None:
    """It keeps a prepared statement's plan, and the tables grow."""
    plans: list[str] = []

    def explain(run: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if "watchtime_" in sql and connection.vendor == "postgresql":
            cursor = context["cursor"].cursor
            cursor.execute(f"EXPLAIN (COSTS OFF) {sql}", parameters)
            plans.append("\n".join(row[0] for row in cursor.fetchall()))
        return run(sql, parameters, many, context)

    with connection.execute_wrapper(explain):
        fold(MANY)
        fold(MANY[:1])
        fold([event(id=MANY[0].id, user=MANY[0].user, slug="new", at=MANY[0].at)])
    assert bool(plans) is SETTINGS
    assert [plan for plan in plans if "Seq Scan" in plan or "Hash Join" in plan] == []


class Deadlock(Exception):
    sqlstate = "40P01"


def fail_first(monkeypatch: pytest.MonkeyPatch, times: int, cause: Exception) -> list[int]:
    """Make the first `times` folds fail at their last step; return the list that grows with each call."""
    calls: list[int] = []
    real = fold_module._add

    def flaky(entries: object) -> None:
        calls.append(1)
        real(entries)  # type: ignore[arg-type]
        if len(calls) <= times:
            raise OperationalError("deadlock detected") from cause

    monkeypatch.setattr(fold_module, "_add", flaky)
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


@pytest.mark.django_db(transaction=True)
def test_parallel_folds_of_one_pair_count_its_viewer_once() -> None:
    """Four consumers bring the same seconds of a pair at the same time, of a new pair at every other turn.

    The viewer and the movies are known: consumers that make one wait for each other earlier.
    """
    known = [event(slug="other"), *(event(user="ben", slug=f"m{n}") for n in range(20))]
    fold(known)
    batches = [
        [[event(slug=f"m{turn // 2}", start=turn, at=turn + 200) for _ in range(2)] for turn in range(40)]
        for _ in range(4)
    ]
    ready = threading.Barrier(len(batches), timeout=30)
    errors: list[BaseException] = []

    def work(mine: list[list[WatchEvent]]) -> None:
        try:
            for batch in mine:
                ready.wait()
                fold(batch)
        except BaseException as error:
            errors.append(error)
            ready.abort()
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(mine,)) for mine in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert stored() == expected(known + [one for mine in batches for batch in mine for one in batch])


def test_ids_are_uuids_on_every_database() -> None:
    one = event(id=uuid4())
    fold([one])
    assert Event.objects.get(event_id=one.id).event_id == UUID(str(one.id))
