"""The totals against the ledger."""

from collections.abc import Callable

import pytest

from tests.factories import event
from watchtime.fold import fold
from watchtime.ledger import COMPARISONS, differences, rebuild
from watchtime.models import CustomUser, Movie, WatchTime

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def watched() -> None:
    fold([event(user=user, slug=slug, start=1, at=at) for user in "ab" for slug in "mn" for at in (5, 9)])


def found() -> list[str]:
    return [str(difference) for kind in COMPARISONS for difference in differences(kind)]


def test_folded_totals_agree() -> None:
    assert found() == []


BREAKS: dict[str, tuple[Callable[[], object], list[str]]] = {
    "viewer": (
        lambda: CustomUser.objects.filter(username="a").update(total_watch_time=5),
        ["viewer a: stored (5,), by the ledger (24,)"],
    ),
    "movie": (
        lambda: Movie.objects.filter(slug="m").update(total_watch_time=25),
        ["movie m: stored (25,), by the ledger (24,)"],
    ),
    "pair": (
        lambda: WatchTime.objects.filter(user__username="a", movie__slug="m").update(total=11),
        ["pair a / m: stored (11, 9), by the ledger (12, 9)"],
    ),
    "last moment": (
        lambda: WatchTime.objects.filter(user__username="a", movie__slug="m").update(last_moment=8),
        ["pair a / m: stored (12, 8), by the ledger (12, 9)"],
    ),
    "missing pair": (
        lambda: WatchTime.objects.filter(user__username="a", movie__slug="m").delete(),
        ["pair a / m: stored (0, -1), by the ledger (12, 9)"],
    ),
    "pair of nothing": (
        lambda: WatchTime.objects.create(
            user=CustomUser.objects.create(username="c"), movie=Movie.objects.get(slug="m"), total=0, last_moment=0
        ),
        ["pair c / m: stored (0, 0), by the ledger (0, -1)"],
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_total_is_found_and_made_anew(name: str) -> None:
    break_it, expected = BREAKS[name]
    break_it()
    assert found() == expected
    assert len(list(rebuild())) == 4
    assert found() == []


def test_rebuilding_keeps_the_rows_that_clients_know_by_id() -> None:
    before = set(WatchTime.objects.values_list("pk", "total"))
    list(rebuild())
    assert set(WatchTime.objects.values_list("pk", "total")) == before
