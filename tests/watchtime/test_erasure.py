"""An erased viewer is gone, from the movies' numbers too, and no old event brings them back."""

import json
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from pytest_django import Settings

from broker import Delivery
from tests.factories import event
from tests.processes import wait_for
from tests.watchtime.oracle import State, expected, stored
from tests.watchtime.test_fold_laws import EVENTS, NOON, TABLES
from tests.watchtime.test_pruning import differences, is_a_fold_waiting
from watchtime import erasure
from watchtime.erasure import UnknownViewer, erase
from watchtime.events import WatchEvent
from watchtime.fold import Folded, fold
from watchtime.ingest import IngestHandler
from watchtime.ledger import rebuild
from watchtime.models import (
    CustomUser,
    ErasedEvent,
    Erasure,
    Event,
    Movie,
    MovieBlock,
    PrunedKey,
    PrunedPair,
    PrunedQuarter,
    WatchTime,
)
from watchtime.pruning import prune

OLD = datetime(2026, 1, 1, tzinfo=UTC)


def now() -> datetime:
    return datetime.now(UTC)


def without_empty_movies(state: State) -> State:
    """Return the state without the movies that nobody watched: of the erased viewer's, their names stay."""
    kept = {slug for slug, total in state["movies"].items() if total or state["curves"].get(slug, ((), ()))[0]}
    kept |= {slug for _, slug in state["pairs"]}
    named = ("movies", "curves")
    return {name: {k: v for k, v in of.items() if name not in named or k in kept} for name, of in state.items()}


class ErasureLaws(TestCase):
    @given(EVENTS, st.data())
    @hypothesis_settings(max_examples=40, deadline=None)
    def test_everything_is_as_if_they_had_never_been(self, events: list[WatchEvent], data: st.DataObject) -> None:
        for table in (Erasure, ErasedEvent, PrunedKey, PrunedPair, PrunedQuarter, *TABLES):
            table.objects.all().delete()
        fold(events)
        if data.draw(st.booleans()):
            list(prune(NOON + timedelta(minutes=15 * data.draw(st.integers(-101, 101)))))
        names = sorted({each.user for each in events})
        for name in names[: data.draw(st.integers(0, len(names)))]:
            theirs = [each for each in events if each.user == name]
            assert erase(name) == len({each.id for each in theirs})
            events = [each for each in events if each.user != name]
            assert fold(theirs).counted == 0, "the same events again"
        assert without_empty_movies(stored()) == without_empty_movies(expected(events))
        assert differences() == []
        list(rebuild())
        assert without_empty_movies(stored()) == without_empty_movies(expected(events))


@pytest.fixture
def both(db: None) -> list[WatchEvent]:
    """Events of ada, who is erased, and one of bert, who watched the same movie."""
    events = [event(user="ada", at=70), event(user="ada", slug="heat", at=80), event(user="bert", start=10, at=90)]
    fold(events)
    return events


def test_nothing_of_theirs_is_left(both: list[WatchEvent]) -> None:
    viewer = CustomUser.objects.get(username="ada")
    kind = ContentType.objects.get_for_model(CustomUser)
    clerk = User.objects.create_user("clerk")
    # What the admin keeps of a page that was saved.
    LogEntry.objects.create(user=clerk, content_type=kind, object_id=viewer.pk, object_repr="ada", action_flag=CHANGE)
    erase("ada")
    assert not CustomUser.objects.filter(username="ada").exists()
    for model in (Event, WatchTime, PrunedKey, PrunedPair, PrunedQuarter):
        assert not model.objects.filter(user_id=viewer.pk).exists()
    assert not LogEntry.objects.exists()
    assert dict(Movie.objects.values_list("slug", "total_watch_time")) == {"alien": 80, "heat": 0}
    assert not MovieBlock.objects.filter(movie__slug="heat").exists()
    tables = [str(row) for model in (Erasure, ErasedEvent) for row in model.objects.values()]
    assert not any("ada" in row or str(each.id) in row or each.id.hex in row for row in tables for each in both)


def test_an_unknown_viewer(db: None) -> None:
    with pytest.raises(UnknownViewer):
        erase("nobody")
    assert not Erasure.objects.exists()
    for command in ("erase_viewer", "export_viewer"):
        with pytest.raises(CommandError, match="no viewer 'nobody'"):
            call_command(command, "nobody")


class TestComingBack:
    """What counts of a name after its erasure."""

    @pytest.mark.parametrize(
        ("ahead", "sent"),
        [
            (timedelta(0), -60),  # waited in the queue, or among the dead letters
            (timedelta(hours=20), -60),  # the same, of a client whose clock is ahead
            (timedelta(0), None),
        ],
    )
    def test_not_by_what_was_sent_before(self, both: list[WatchEvent], ahead: timedelta, sent: float | None) -> None:
        waiting = event(user="ada", slug="dune", at=50, occurred_at=now() - timedelta(seconds=60) + ahead)
        erase("ada")
        times = None if sent is None else [now().timestamp() + sent]
        assert fold([waiting], times) == Folded(0, 0, (), 1)
        assert not CustomUser.objects.filter(username="ada").exists()
        assert not Movie.objects.filter(slug="dune").exists()
        assert differences() == []

    def test_not_by_an_old_id(self, both: list[WatchEvent]) -> None:
        """Also where the client leaves the time out, so that the event seems to be of today."""
        erase("ada")
        again = [each.model_copy(update={"occurred_at": now()}) for each in both[:2]]
        assert fold(again, [now().timestamp()] * 2) == Folded(0, 0, (), 2)
        assert fold([again[0], *again], [now().timestamp()] * 3) == Folded(0, 0, (), 3)
        other = again[0].model_copy(update={"at": 5})
        assert fold([other], [now().timestamp()]) == Folded(0, 0, (), 1)
        assert not CustomUser.objects.filter(username="ada").exists()

    @pytest.mark.parametrize("at_once", [True, False])
    def test_not_by_the_id_of_one_that_waited(self, both: list[WatchEvent], at_once: bool) -> None:
        """It was in no table at the erasure, and its client sends it once more, without the time."""
        waiting = event(user="ada", slug="dune", at=50, occurred_at=now())
        erase("ada")
        again = waiting.model_copy(update={"occurred_at": now()})
        times = [now().timestamp() - 60, now().timestamp()]
        batches = [([waiting, again], times)] if at_once else [([waiting], times[:1]), ([again], times[1:])]
        assert [fold(*batch).erased for batch in batches] == ([2] if at_once else [1, 1])
        assert not CustomUser.objects.filter(username="ada").exists()
        assert differences() == []

    def test_not_by_a_pruned_id(self, both: list[WatchEvent]) -> None:
        list(prune(now()))
        assert erase("ada") == 2
        again = both[0].model_copy(update={"occurred_at": now()})
        assert fold([again], [now().timestamp()]) == Folded(0, 0, (), 1)

    def test_by_new_events(self, both: list[WatchEvent]) -> None:
        erase("ada")
        new = event(user="ada", at=30, occurred_at=now())
        assert fold([new], [now().timestamp()]) == Folded(1, 0, ())
        assert CustomUser.objects.get(username="ada").total_watch_time == 30
        assert Movie.objects.get(slug="alien").total_watch_time == 110
        late = [event(user="ada", at=20), both[0].model_copy(update={"occurred_at": now()})]
        assert fold(late, [now().timestamp() - 3_600, now().timestamp()]) == Folded(0, 0, (), 2)
        assert fold([new], [now().timestamp()]) == Folded(0, 1, ())
        assert differences() == []

    def test_and_being_erased_again(self, both: list[WatchEvent]) -> None:
        erase("ada")
        new = event(user="ada", at=30, occurred_at=now())
        fold([new], [now().timestamp()])
        assert erase("ada") == 1
        assert fold([*both[:2], new], [now().timestamp()] * 3).counted == 0
        assert not CustomUser.objects.filter(username="ada").exists()
        assert Erasure.objects.count() == 1

    def test_others_of_the_same_batch_count(self, both: list[WatchEvent]) -> None:
        erase("ada")
        conflict = both[2].model_copy(update={"at": 11})
        batch = [both[0], event(user="carl", at=5), both[1], conflict, event(user="bert", at=7)]
        assert fold(batch) == Folded(2, 0, (3,), 2)

    def test_with_another_secret_key(self, both: list[WatchEvent], settings: Settings) -> None:
        erase("ada")
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another-" + "x" * 50
        assert fold(both[:2], [now().timestamp()] * 2) == Folded(0, 0, (), 2)
        again = both[0].model_copy(update={"occurred_at": now()})
        assert fold([again], [now().timestamp()]) == Folded(0, 0, (), 1)

    def test_the_consumer_knows_when_a_message_was_sent(self, both: list[WatchEvent]) -> None:
        ahead = event(user="ada", at=50, occurred_at=now() + timedelta(hours=1))
        erase("ada")
        handler = IngestHandler()
        before, after = now().timestamp() - 60, now().timestamp() + 1
        assert handler([Delivery(ahead.encode(), 1, sent_at=before)]) == []
        assert (handler.counted, handler.erased) == (0, 1)
        new = ahead.model_copy(update={"id": uuid4()})
        assert handler([Delivery(new.encode(), 2, sent_at=after)]) == []
        assert handler.counted == 1


@pytest.mark.django_db(transaction=True)
def test_a_fold_that_comes_while_a_viewer_is_being_erased_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """It had found the viewer, and waits for the erasure to end."""
    fold([event(user="ada", at=70), event(user="bert", at=30)])
    subtract, folded = erasure._subtract, Future[Folded]()

    def fold_more() -> None:
        with closing(connection):  # this thread's
            folded.set_result(
                fold([event(user="ada", at=9), event(user="ada", slug="new", at=9), event(user="bert", at=5)])
            )

    def subtract_while_more_comes(pair: WatchTime) -> None:
        threading.Thread(target=fold_more).start()
        wait_for(is_a_fold_waiting, 10, "the fold waits for this transaction")
        subtract(pair)

    monkeypatch.setattr(erasure, "_subtract", subtract_while_more_comes)
    assert erase("ada") == 1
    assert folded.result(10).counted == 1
    assert dict(CustomUser.objects.values_list("username", "total_watch_time")) == {"bert": 35}
    assert dict(Movie.objects.values_list("slug", "total_watch_time")) == {"alien": 35}
    assert differences() == []


@pytest.mark.django_db(transaction=True)
def test_erasing_while_consumers_fold() -> None:
    """Viewers are erased again and again while events of all of them are counted."""
    names, stop, failures = ["ada", "bert", "carl"], threading.Event(), list[BaseException]()

    def work(turn: Any) -> None:
        with closing(connection):
            # With a rest in between: those who wait for SQLite's lock try again, and none is promised a turn.
            while not stop.wait(0.02) and not failures:
                try:
                    turn()
                except BaseException as error:
                    failures.append(error)

    def fold_some() -> None:
        fold([event(user=name, slug=f"m{n}", at=10 + n, occurred_at=now()) for name in names for n in range(3)])

    threads = [threading.Thread(target=work, args=(fold_some,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    erased = 0
    try:
        for _ in range(4):
            wait_for(lambda: CustomUser.objects.filter(username="ada").exists() or failures, 20, "ada is there")
            erased += erase("ada")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert erased > 0
    assert differences() == []


class TestCommands:
    def test_erase(self, both: list[WatchEvent], capsys: Any, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level("INFO", "watchtime.audit"):
            call_command("erase_viewer", "ada")
        assert capsys.readouterr().out == "Erased the viewer with 2 events.\n"
        (line,) = [message for message in caplog.messages if message.startswith("erase_viewer")]
        assert '"username": "ada"' in line
        call_command("verify_totals")

    def test_export(self, both: list[WatchEvent], caplog: pytest.LogCaptureFixture) -> None:
        fold([event(user="ada", at=20, occurred_at=OLD - timedelta(days=1))])
        list(prune(OLD))
        rows = exported("ada", caplog)
        kinds = [row["type"] for row in rows]
        assert kinds == [
            "viewer",
            "watch_time",
            "watch_time",
            "event",
            "event",
            "pruned_watch_time",
            "pruned_quarter",
            "pruned_event",
        ]
        assert rows[0] == {"type": "viewer", "username": "ada", "total_watch_time": 170}
        assert {row["id"] for row in rows if row["type"] == "event"} == {str(each.id) for each in both[:2]}
        assert rows[1]["slug"] == "alien"
        assert rows[1]["coverage"] == [[0, 70]]
        assert "bert" not in json.dumps(rows)

    def test_export_has_all_columns_of_all_tables(self) -> None:
        """A new table with viewers in it, or one that is erased and not exported, is missing here."""
        owned = {relation.related_model for relation in CustomUser._meta.related_objects}
        owned |= {PrunedKey, PrunedPair, PrunedQuarter}
        assert owned == set(erasure.OWNED)


def exported(username: str, caplog: pytest.LogCaptureFixture) -> Sequence[dict[str, Any]]:
    out = StringIO()
    with caplog.at_level("INFO", "watchtime.audit"):
        call_command("export_viewer", username, stdout=out)
    assert any(message.startswith("export_viewer") for message in caplog.messages)
    return [json.loads(line) for line in out.getvalue().splitlines()]
