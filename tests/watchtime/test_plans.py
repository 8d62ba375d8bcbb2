"""What commands, monitoring and the embedded queue ask is found by an index, however large the tables are.

The pages and lists of the API are in test_history.py and tests/schema/test_connections.py.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from broker import default_broker
from broker.models import Message
from tests.plans import Statement, is_sought, plan_of, statements
from watchtime import export
from watchtime.erasure import count_movies, erase
from watchtime.events import WatchEvent
from watchtime.fold import fold
from watchtime.models import CustomUser, Event
from watchtime.pruning import prune

pytestmark = pytest.mark.django_db
# What may be read as a whole: the rows that a statement brings itself.
BROUGHT = re.compile(r"json_each|Function Scan|CONSTANT ROW|unnest|SCAN \(?subquery|SCAN rows|SCAN batch|SCAN gone|CTE")


def reads_a_whole_table(statement: Statement) -> bool:
    lines = [line for line in plan_of(statement, without=["seqscan"]).splitlines() if not BROUGHT.search(line)]
    return any(re.search(r"Seq Scan on|^SCAN", line) for line in lines)


def asked(act: Callable[[], Any]) -> list[Statement]:
    """Return what is asked of the tables that grow."""
    with statements() as made:
        act()
    reading = [statement for statement in made if re.match(r"\s*(SELECT|DELETE|UPDATE)", statement.sql)]
    return [statement for statement in reading if re.search(r"watchtime_|broker_", statement.sql)]


@pytest.fixture(autouse=True)
def history() -> None:
    """A ledger with a pruned part, and a queue with dead letters."""
    fold([WatchEvent(user=f"u{n % 7}", slug=f"m{n % 5}", at=60 + n, occurred_at=when(n % 28 + 1)) for n in range(100)])
    list(prune(when(5)))
    letter = {"queue": default_broker().dead_queue, "body": b"x", "reason": "wrong", "sent_at": when(1)}
    Message.objects.bulk_create(Message(**letter, refused_at=when(1)) for _ in range(20))


def when(day: int) -> datetime:
    return datetime(2024, 1, day, tzinfo=UTC)


def viewer() -> CustomUser:
    return CustomUser.objects.get(username="u1")


ACTS: dict[str, Callable[[], Any]] = {
    "prune_events": lambda: list(prune(when(15))),
    "export_viewer": lambda: (export.count(viewer()), list(export.export(viewer()))),
    "erase_viewer": lambda: (count_movies("u1"), erase("u1")),
    "dead_letters list": lambda: default_broker().list_dead_letters(10),
    "dead_letters purge": lambda: default_broker().purge_dead_letters(),
    "the depths of both queues": lambda: default_broker().depths(),
    "a consumer's look for messages": lambda: default_broker().subscribe("some.events", 10).receive(10, 0),
}


@pytest.mark.parametrize("act", ACTS)
def test_no_table_is_read_as_a_whole(act: str) -> None:
    made = asked(ACTS[act])
    assert made
    assert [statement.sql for statement in made if reads_a_whole_table(statement)] == []


def test_a_statement_without_an_index_would_be_found() -> None:
    (statement,) = asked(lambda: list(Event.objects.filter(start=3)))
    assert reads_a_whole_table(statement)


def test_pruning_begins_with_the_oldest_event() -> None:
    assert is_sought(plan_of(asked(lambda: next(prune(when(15))))[0]))


def test_the_list_of_dead_letters_sorts_nothing() -> None:
    plans = [plan_of(statement) for statement in asked(lambda: default_broker().list_dead_letters(10))]
    assert len(plans) == 2
    assert not re.search("Sort|B-TREE", "".join(plans))
