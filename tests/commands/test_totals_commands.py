"""`verify_totals`, `rebuild_totals` and `dead_letters`."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from broker import BrokerUnavailable, Delivery, default_broker
from tests.factories import event
from watchtime.fold import fold
from watchtime.models import Movie

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_verify_says_when_all_is_well() -> None:
    fold([event()])
    assert run("verify_totals") == "Every total agrees with the ledger.\n"


def test_verify_fails_by_name_and_rebuild_mends() -> None:
    fold([event(slug="alien", at=60)])
    Movie.objects.update(total_watch_time=1)
    errors = io.StringIO()
    with pytest.raises(CommandError, match="1 numbers differ"):
        call_command("verify_totals", stderr=errors)
    assert errors.getvalue() == "movie alien: total_watch_time is 1, by the ledger 60\n"
    assert run("rebuild_totals") == "Every total is what the ledger says.\n"
    run("verify_totals")


def put_dead_letters(*bodies: bytes) -> None:
    broker = default_broker()
    deliveries = [Delivery(body, tag, sent_at=1_767_225_600) for tag, body in enumerate(bodies)]
    broker.subscribe(broker.queue, 1).dead_letter([delivery.rejected("it is bad") for delivery in deliveries])


def test_dead_letters_are_listed_replayed_and_purged() -> None:
    put_dead_letters(b"one", b"\xff")
    lines = [json.loads(line) for line in run("dead_letters", "list").splitlines()]
    assert lines == [
        {"first_seen": "2026-01-01T00:00:00+00:00", "reason": "it is bad", "body": "one"},
        {"first_seen": "2026-01-01T00:00:00+00:00", "reason": "it is bad", "body": "\\xff"},
    ]
    assert len(run("dead_letters", "list", "--limit", "1").splitlines()) == 1
    assert run("dead_letters", "replay") == "Replayed 2 dead letters.\n"
    assert run("dead_letters", "list") == ""
    put_dead_letters(b"three")
    assert run("dead_letters", "purge") == "Purged 1 dead letters.\n"


def test_a_broker_that_is_away_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_limit: int) -> None:
        raise BrokerUnavailable("RabbitMQ is away")

    monkeypatch.setattr(default_broker(), "list_dead_letters", away)
    with pytest.raises(CommandError, match="RabbitMQ is away"):
        run("dead_letters", "list")
