"""Checks answer in time whatever hangs, and say what is wrong."""

import threading
import time
from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from broker import BrokerUnavailable
from watchtime import health
from watchtime.health import CHECKS, Check, outcomes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "FRESH", 0.0)


def soon() -> float:
    return time.monotonic() + 0.2


def test_all_is_well() -> None:
    assert {name: outcome.error for name, outcome in outcomes().items()} == dict.fromkeys(CHECKS)


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    go_on = threading.Event()
    yield go_on
    go_on.set()


def test_what_hangs_is_told_in_time_and_asked_once(hanging: threading.Event) -> None:
    asked: list[float] = []

    def ask() -> None:
        asked.append(time.monotonic())
        assert hanging.wait(10)

    check = Check(ask)
    for _ in range(3):
        began = time.monotonic()
        outcome = check.outcome(soon())
        assert outcome.error is not None
        assert outcome.error.startswith("no answer within")
        assert time.monotonic() - began < 1
    assert len(asked) == 1, "no second thread while the first one hangs"
    hanging.set()
    assert check.outcome(time.monotonic() + 5).error is None


def test_what_fails_is_told_in_one_line() -> None:
    def ask() -> None:
        raise BrokerUnavailable("it is away\nand more")

    outcome = Check(ask).outcome(soon())
    assert outcome.as_json() == {"state": "failed", "seconds": round(outcome.seconds, 4), "error": "it is away"}


def test_an_answer_is_kept_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "FRESH", 60.0)
    asked: list[None] = []
    check = Check(lambda: asked.append(None))
    for _ in range(5):
        assert check.outcome(soon()).error is None
    assert len(asked) == 1


def test_a_migration_that_is_not_applied_is_named() -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("broker", "0003_bounds_and_partial_indexes")
    try:
        error = outcomes()["migrations"].error
    finally:
        recorder.record_applied("broker", "0003_bounds_and_partial_indexes")
    assert error == "run manage.py migrate; not applied: broker.0003_bounds_and_partial_indexes"


def test_a_migration_of_a_later_release_is_no_fault() -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_applied("broker", "9999_of_the_next_release")
    try:
        assert outcomes()["migrations"].error is None
    finally:
        recorder.record_unapplied("broker", "9999_of_the_next_release")
