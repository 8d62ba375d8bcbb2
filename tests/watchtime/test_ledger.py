"""Everything that derives from the ledger against it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import QuerySet

from tests.factories import event
from tests.watchtime.oracle import stored
from watchtime.coverage import encode_coverage
from watchtime.fold import fold
from watchtime.ledger import count_steps, rebuild, verify
from watchtime.models import (
    CustomUser,
    Event,
    Movie,
    MovieBlock,
    MovieDay,
    MovieQuarter,
    RebuildDue,
    WatchTime,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def watched() -> None:
    fold([event(user=user, slug=slug, start=1, at=at) for user in "ab" for slug in "mn" for at in (5, 9)])


def found() -> list[str]:
    return [str(difference) for step in verify() for difference in step]


def test_folded_totals_agree() -> None:
    assert found() == []


def pair() -> QuerySet[WatchTime]:
    return WatchTime.objects.filter(user__username="a", movie__slug="m")


def of_movie(model: type[MovieBlock] | type[MovieQuarter] | type[MovieDay]) -> QuerySet[Any]:
    return model.objects.filter(movie__slug="m")


def add_pair_of_nothing() -> None:
    viewer = CustomUser.objects.create(username="c")
    WatchTime.objects.create(user=viewer, movie=Movie.objects.get(slug="m"), total=0, last_moment=0)


BREAKS: dict[str, tuple[Callable[[], object], list[str]]] = {
    "viewer": (
        lambda: CustomUser.objects.filter(username="a").update(total_watch_time=5),
        ["viewer a: total_watch_time is 5, by the ledger 24"],
    ),
    "movie": (
        lambda: Movie.objects.filter(slug="m").update(total_watch_time=25),
        ["movie m: total_watch_time is 25, by the ledger 24"],
    ),
    "pair": (lambda: pair().update(total=11), ["pair a / m: total is 11, by the ledger 12"]),
    "last moment": (lambda: pair().update(last_moment=10), ["pair a / m: last_moment is 10, by the ledger 9"]),
    "coverage": (
        lambda: pair().update(coverage=encode_coverage([1, 3])),
        ["pair a / m: coverage is b'\\x01\\x06', by the ledger b'\\x01\\xfe\\x01'"],
    ),
    "unique seconds": (lambda: pair().update(unique_seconds=7), ["pair a / m: unique_seconds is 7, by the ledger 8"]),
    "resume moment": (lambda: pair().update(resume_moment=3), ["pair a / m: resume_moment is 3, by the ledger 9"]),
    "watched day": (lambda: pair().update(watched_day=3), ["pair a / m: watched_day is 3, by the ledger 20454"]),
    "missing pair": (lambda: pair().delete(), ["pair a / m: total is None, by the ledger 12"]),
    "pair of nothing": (add_pair_of_nothing, ["pair c / m: total is 0, by the ledger None"]),
    "missing curve": (
        lambda: of_movie(MovieBlock).delete(),
        [
            "movie m: views 1 is None, by the ledger 4",
            "movie m: views 5 is None, by the ledger -2",
            "movie m: views 9 is None, by the ledger -2",
            "movie m: viewers 1 is None, by the ledger 2",
            "movie m: viewers 9 is None, by the ledger -2",
        ],
    ),
    "quarter": (
        lambda: of_movie(MovieQuarter).update(seconds=23),
        ["movie m: quarter 1963584 is (23, 4), by the ledger (24, 4)"],
    ),
    "day": (lambda: of_movie(MovieDay).delete(), ["movie m: day 20454 is None, by the ledger (24, 4)"]),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_is_broken_is_found_and_recomputed(name: str) -> None:
    before = stored()
    break_it, expected = BREAKS[name]
    break_it()
    assert found() == expected
    assert len(list(rebuild())) == count_steps() == 3
    assert found() == []
    assert {**stored(), "viewers": None} == {**before, "viewers": None}


def test_rebuilding_keeps_the_rows_that_clients_know_by_id() -> None:
    before = set(WatchTime.objects.values_list("pk", "total"))
    list(rebuild())
    assert set(WatchTime.objects.values_list("pk", "total")) == before


def test_rebuilding_of_nothing() -> None:
    Event.objects.all().delete()
    list(rebuild())
    assert found() == []
    assert not WatchTime.objects.exists()


def test_a_rebuild_is_no_longer_due() -> None:
    RebuildDue.objects.create(reason="The analytics are missing.")
    list(rebuild())
    assert not RebuildDue.objects.exists()
