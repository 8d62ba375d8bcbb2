"""The ledger, newest first: what is listed, in which order, and that none of it is searched for row by row."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from tests.factories import event
from tests.plans import plan_of, statements
from watchtime.fold import fold
from watchtime.history import CursorPosition, LedgerFilter, count_events, events, ledger_filter
from watchtime.models import Event

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def hour(number: int) -> datetime:
    return NOON + timedelta(hours=number)


@pytest.fixture(autouse=True)
def ledger() -> None:
    """Count five events, of which `at` says when they were watched; the third is counted first."""
    fold([event(user="anna", slug="alien", at=2, occurred_at=hour(2))])
    fold([event(user="anna", slug="heat", at=0, occurred_at=hour(0))])
    fold([event(user="ben", slug="alien", at=1, occurred_at=hour(1))])
    fold([event(user="ben", slug="heat", at=3, occurred_at=hour(3))])
    fold([event(user="anna", slug="alien", at=4, occurred_at=hour(4))])


def listed(selection: LedgerFilter | None, limit: int = 10, *, oldest_first: bool = False) -> list[int]:
    assert selection is not None
    found = [entry.at for entry in events(selection, limit, oldest_first=oldest_first)]
    assert count_events(selection, 10) == len(events(selection, 10))
    return found


def position(at: int) -> CursorPosition:
    return hour(at), Event.objects.get(at=at).pk


def test_it_is_in_the_order_of_watching_not_of_counting() -> None:
    assert listed(LedgerFilter()) == [4, 3, 2, 1, 0]
    assert listed(LedgerFilter(), 2) == [4, 3]
    assert listed(LedgerFilter(), 2, oldest_first=True) == [0, 1]


def test_what_was_watched_at_one_time_is_in_the_order_of_counting() -> None:
    Event.objects.update(occurred_at=NOON)
    pks = sorted(Event.objects.values_list("pk", flat=True))
    assert [entry.pk for entry in events(LedgerFilter(), 10)] == pks[::-1]
    assert [entry.pk for entry in events(LedgerFilter(above=(NOON, pks[1]), below=(NOON, pks[4])), 10)] == [
        pks[3],
        pks[2],
    ]


def test_of_whom_and_of_what_is_asked() -> None:
    assert listed(ledger_filter(username="anna")) == [4, 2, 0]
    assert listed(ledger_filter(slug="alien")) == [4, 2, 1]
    assert listed(ledger_filter(username="anna", slug="alien")) == [4, 2]
    assert listed(ledger_filter(username="anna", slug="alien"), 1, oldest_first=True) == [2]


def test_from_a_time_on_and_before_a_time() -> None:
    assert listed(ledger_filter(since=hour(1), until=hour(3))) == [2, 1]
    assert listed(ledger_filter(since=hour(1) + MICROSECOND, until=hour(3) + MICROSECOND)) == [3, 2]
    assert listed(ledger_filter(username="anna", since=hour(1))) == [4, 2]
    assert listed(ledger_filter(slug="alien", until=hour(4))) == [2, 1]
    assert listed(ledger_filter(since=hour(3), until=hour(1))) == []


def test_between_two_places_within_a_time() -> None:
    selection = ledger_filter(since=hour(1), until=hour(4))
    assert selection is not None
    assert listed(selection.between(above=position(1), below=None)) == [3, 2]
    assert listed(selection.between(above=None, below=position(3))) == [2, 1]
    assert listed(selection.between(above=position(0), below=position(4))) == [3, 2, 1]


@pytest.mark.parametrize("names", [{"username": "zoe"}, {"slug": "none"}, {"username": "anna", "slug": "none"}])
def test_of_the_unknown_there_is_no_selection(names: dict[str, str]) -> None:
    assert ledger_filter(**names) is None  # type: ignore[arg-type]


def test_a_page_is_one_statement_and_so_are_the_names(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        ledger_filter(since=NOON)
    with django_assert_num_queries(1):
        selection = ledger_filter(username="anna", slug="alien")
        assert selection is not None
    with django_assert_num_queries(1):
        assert [(entry.user.username, entry.movie.slug) for entry in events(selection, 10)] == [("anna", "alien")] * 2
    with django_assert_num_queries(1):
        assert count_events(selection, 1) == 1


NAMES = {
    "event_by_time": [{}],
    "event_by_user": [{"username": "anna"}, {"username": "anna", "slug": "alien"}],
    "event_by_movie": [{"slug": "alien"}],
}
TIMES = {
    "ever": {},
    "since": {"since": hour(1)},
    "until": {"until": hour(1)},
    "between": {"since": hour(1), "until": hour(2)},
}


@pytest.mark.parametrize(("index", "names"), [(index, names) for index in NAMES for names in NAMES[index]])
@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
@pytest.mark.parametrize("below", [None, (hour(3), 5)], ids=["first", "deep"])
def test_every_selection_is_a_stretch_of_an_index(
    index: str, names: dict[str, str], times: dict[str, datetime], below: CursorPosition | None
) -> None:
    selection = ledger_filter(**names, **times)  # type: ignore[arg-type]
    assert selection is not None
    selection = selection.between(None, below)
    with statements() as made:
        events(selection, 10)
        events(selection, 10, oldest_first=True)
        count_events(selection, 10)
    counted = selection._replace(movie_id=None) if selection.user_id else selection  # which of them is looked up later
    for plan, sought in zip(map(plan_of, made), (selection, selection, counted), strict=True):
        assert re.search(stretch(index, sought), plan, re.MULTILINE), plan
        assert not re.search("Sort|B-TREE|Seq Scan", plan), plan


def stretch(index: str, selection: LedgerFilter) -> str:
    """Return the pattern of what a plan has to say: that it seeks in the index by all that is asked for."""
    column = {"event_by_user": "user_id", "event_by_movie": "movie_id"}.get(index)
    bounds = [sign for sign, bound in ((">", selection.above), ("<", selection.below)) if bound]
    if connection.vendor == "sqlite":
        sought = [f"{column}=\\?"] * bool(column) + [f"occurred_at{sign}\\?" for sign in bounds]
        return f"COVERING INDEX {index}" + (rf" \({' AND '.join(sought)}\)$" if sought else "$")
    sought = [rf"{column} = ANY"] * bool(column) + [rf"ROW\(occurred_at, id\) {sign} ROW" for sign in bounds]
    sought += ["movie_id = "] * bool(selection.user_id and selection.movie_id)
    condition = rf"\n +Index Cond: .*{'.*'.join(sought)}" if sought else ""
    return rf"Index Only Scan( Backward)? using {index} on \w+( u0)?{condition}"


def test_no_more_of_a_viewers_events_are_looked_at_than_may_be_counted() -> None:
    selection = ledger_filter(username="anna", slug="heat")
    assert selection is not None
    assert [count_events(selection, limit) for limit in (4, 3)] == [1, 3]  # anna has three events, one of them of heat
