"""`dead_letters`: what it shows, and what it asks before it deletes."""

import io
import json
from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from broker import BrokerUnavailable, DeadLetter, default_broker
from broker.models import Message

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("dead_letters", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def letters() -> list[str]:
    bodies = [f"letter {number}" for number in range(7)]
    queue, now = default_broker().dead_queue, timezone.now()
    for body in bodies:
        Message.objects.create(queue=queue, body=body.encode(), sent_at=now, reason="bad", refused_at=now)
    return bodies


def test_the_oldest_are_listed(letters: list[str]) -> None:
    listed = [json.loads(line) for line in run("list", "--limit", "3").splitlines()]
    assert [letter["body"] for letter in listed] == letters[:3]
    assert {letter["reason"] for letter in listed} == {"bad"}


@pytest.mark.parametrize("limit", ["0", "-1", "65536", "1" + "0" * 21, "many", "1.5", "", "٣"])
def test_a_limit_out_of_range_is_refused_by_its_name(limit: str) -> None:
    with pytest.raises(CommandError, match=r"--limit: must be a whole number from 1 to 65535"):
        run("list", f"--limit={limit}")


def test_an_end_in_the_middle_is_an_error_with_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def iterate(_limit: int) -> Iterator[DeadLetter]:
        for _ in range(3):
            yield DeadLetter(b"x", "bad", None)
        raise BrokerUnavailable("RabbitMQ is silent")

    monkeypatch.setattr(default_broker(), "iterate_dead_letters", iterate)
    with pytest.raises(CommandError, match=r"^RabbitMQ is silent; 3 dead letters are shown, more may be there$"):
        run("list")


def test_a_replay_that_ends_in_the_middle_says_how_far_it_came(
    letters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish_again(_deliveries: object) -> None:
        raise BrokerUnavailable("the queue is full")

    monkeypatch.setattr(default_broker(), "publish_again", publish_again)
    with pytest.raises(CommandError, match=r"^the queue is full; 0 dead letters are replayed, the others are kept$"):
        run("replay")
    assert len(run("list").splitlines()) == len(letters)


def test_a_purge_says_how_many_and_asks(letters: list[str]) -> None:
    with pytest.raises(CommandError, match=r"there are 7 dead letters.*--yes"):
        run("purge")
    assert run("purge", "--yes") == "Purged 7 dead letters.\n"
    assert run("list") == ""
