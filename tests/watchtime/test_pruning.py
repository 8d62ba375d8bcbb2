"""What is pruned stays counted: every derived number, across the boundary, whatever comes late, again or differs."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.factories import event
from tests.processes import wait_for
from tests.watchtime.oracle import expected, stored
from tests.watchtime.test_fold_laws import EVENTS, NOON, TABLES, slices
from watchtime import pruning
from watchtime.aggregates import Entry
from watchtime.events import WatchEvent
from watchtime.fold import Folded, fold
from watchtime.ledger import rebuild, verify
from watchtime.models import CustomUser, Event, PrunedKey, PrunedPair, PrunedQuarter, WatchTime
from watchtime.pruning import prune

BOUNDARY = datetime(2026, 1, 1, tzinfo=UTC)
OLD, NEW = BOUNDARY - timedelta(seconds=1), BOUNDARY


def differences() -> list[str]:
    return [str(difference) for step in verify() for difference in step]


class PruningLaws(TestCase):
    @given(EVENTS, st.data())
    @settings(max_examples=50, deadline=None)
    def test_pruning_at_any_time_changes_no_number(self, events: list[WatchEvent], data: st.DataObject) -> None:
        repeated = data.draw(st.lists(st.sampled_from(events), max_size=12)) if events else []
        shuffled = data.draw(st.permutations(events + repeated))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), min_size=1, max_size=4)))
        for table in (PrunedKey, PrunedPair, PrunedQuarter, *TABLES):
            table.objects.all().delete()
        for batch in slices(shuffled, cuts):
            fold(batch)
            before = NOON + timedelta(minutes=15 * data.draw(st.integers(-101, 101)))
            list(prune(before))
            assert not Event.objects.filter(occurred_at__lt=before).exists()
        assert stored() == expected(events)
        assert differences() == []
        list(rebuild())
        assert stored() == expected(events)


@pytest.fixture
def pruned(db: None) -> WatchEvent:
    """An event that is pruned, beside one that is not."""
    old = event(start=10, at=70, occurred_at=OLD)
    fold([old, event(at=30, occurred_at=NEW)])
    assert list(prune(BOUNDARY)) == [1]
    return old


def test_a_repeat_is_known(pruned: WatchEvent) -> None:
    before = stored()
    assert fold([pruned, pruned]) == Folded(0, 2, ())
    later = pruned.model_copy(update={"occurred_at": NEW})
    assert fold([later]) == Folded(0, 1, ()), "the time is not content"
    assert stored() == before


@pytest.mark.parametrize("change", [{"at": 71}, {"start": 0}, {"slug": "heat"}, {"positional": False, "start": 0}])
def test_other_content_is_a_conflict(pruned: WatchEvent, change: dict[str, object]) -> None:
    before = stored()
    assert fold([pruned.model_copy(update=change), pruned]) == Folded(0, 1, (0,))
    assert stored() == before
    assert differences() == []


def test_the_same_id_of_another_viewer_is_new(pruned: WatchEvent) -> None:
    assert fold([pruned.model_copy(update={"user": "ben"})]).counted == 1


def test_an_old_event_that_comes_late_is_counted_and_can_be_pruned_too(pruned: WatchEvent) -> None:
    late = event(start=0, at=20, occurred_at=OLD - timedelta(days=3))
    assert fold([late]).counted == 1
    before = stored()
    assert list(prune(BOUNDARY)) == [1]
    assert list(prune(BOUNDARY)) == []
    assert stored() == before
    assert differences() == []
    assert WatchTime.objects.get().coverage != b""


def test_small_transactions(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "PRUNED_AT_ONCE", 3)
    fold([event(at=n, occurred_at=OLD - timedelta(minutes=n)) for n in range(8)])
    before = stored()
    steps = prune(BOUNDARY)
    assert next(steps) == 3
    assert stored() == before
    assert differences() == [], "also half-way"
    assert list(steps) == [3, 2]
    assert not Event.objects.exists()
    assert stored() == before
    assert differences() == []


def test_what_is_broken_in_the_base_is_found(pruned: WatchEvent) -> None:
    PrunedPair.objects.update(total=61)
    assert differences() == [
        "pair anna / alien: total is 90, by the ledger 91",
        "movie alien: total_watch_time is 90, by the ledger 91",
        "viewer anna: total_watch_time is 90, by the ledger 91",
    ]


def test_the_command(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    fold([event(occurred_at=OLD), event(occurred_at=NEW)])
    call_command("prune_events", "--before", "2026-01-01")
    assert capsys.readouterr().out == "Pruned 1 events watched before 2026-01-01T00:00:00+00:00; every total stays.\n"
    call_command("prune_events", "--before", "2026-01-01T01:00:00+01:00")
    assert Event.objects.count() == 1
    call_command("verify_totals")
    assert CustomUser.objects.get().total_watch_time == 120


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "2026-01-01T00:00:00", ""])
def test_a_date_that_is_none_is_one_clear_error(db: None, text: str) -> None:
    with pytest.raises(CommandError, match="--before"):
        call_command("prune_events", "--before", text)


@pytest.mark.django_db(transaction=True)
def test_a_fold_that_comes_while_its_event_is_being_pruned_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    old = event(occurred_at=OLD)
    fold([old])
    delete, folded = pruning._delete, Future[Folded]()

    def repeat() -> None:
        with closing(connection):  # this thread's
            folded.set_result(fold([old]))

    def delete_while_it_is_repeated(entries: Sequence[Entry]) -> None:
        delete(entries)
        threading.Thread(target=repeat).start()
        wait_for(is_a_fold_waiting, 10, "the fold waits for this transaction")

    monkeypatch.setattr(pruning, "_delete", delete_while_it_is_repeated)
    assert list(prune(BOUNDARY)) == [1]
    assert folded.result(10) == Folded(0, 1, ())
    assert WatchTime.objects.get().total == old.at
    assert differences() == []


def is_a_fold_waiting() -> bool:
    if connection.vendor == "sqlite":
        return True  # it could not even begin
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])
