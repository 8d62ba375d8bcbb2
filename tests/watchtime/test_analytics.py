"""Small cases by hand, and what other systems say of theirs: how often and by whom each second was watched."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.factories import event
from tests.watchtime.oracle import curves
from watchtime.fold import fold
from watchtime.models import MovieDay, MovieQuarter, WatchTime

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def watch(*stretches: tuple[int, int], user: str = "anna", slug: str = "alien") -> None:
    """Count each stretch in a batch of its own."""
    for start, at in stretches:
        fold([event(user=user, slug=slug, start=start, at=at)])


def pair(user: str = "anna") -> WatchTime:
    return WatchTime.objects.get(user__username=user)


def test_peertubes_retention() -> None:
    """Its sessions include both ends; here a stretch ends before `at`. Four viewers, one of whom seeks only."""
    for viewer, stretch in enumerate([(0, 1), (1, 3), (3, 4), (0, 1)]):
        watch(stretch, user=f"viewer-{viewer}")
    watch((2, 2), user="seeker")
    views, viewers = curves("alien")
    assert [100 * count / 4 for count in views] == [50, 25, 25, 25]
    assert views == viewers


def test_peertubes_totals() -> None:
    totals = []
    for at in (1, 3, 2, 5):
        watch((0, at))
        totals.append(pair().total)
    assert totals == [1, 4, 6, 11]


def test_youtubes_retention_of_half_who_leave() -> None:
    fold([event(user=f"short-{n}", at=15) for n in range(50)] + [event(user=f"long-{n}", at=60) for n in range(50)])
    assert curves("alien")[0] == (100,) * 15 + (50,) * 45


def test_youtubes_retention_of_a_replay() -> None:
    """A replay counts as a view again, and as no second viewer."""
    fold([event(user=f"once-{n}", at=60) for n in range(80)])
    fold([event(user=f"again-{n}", start=start, at=at) for n in range(20) for start, at in ((0, 45), (30, 60))])
    views, viewers = curves("alien")
    assert views == (100,) * 30 + (120,) * 15 + (100,) * 15
    assert viewers == (100,) * 60


def test_a_repeat_is_no_view() -> None:
    one = event(at=3)
    fold([one, one])
    fold([one])
    assert curves("alien") == ((1, 1, 1), (1, 1, 1))


def test_the_xapi_profiles_example() -> None:
    watch((0, 12), (14, 21), (18, 30))
    assert (pair().total, pair().unique_seconds) == (31, 28)
    assert pair().stretches == [(0, 12), (14, 30)]


@pytest.mark.parametrize(
    ("stretches", "coverage"),
    [
        ([(0, 10), (10, 20)], [(0, 20)]),
        ([(10, 20), (0, 10)], [(0, 20)]),
        ([(0, 10), (20, 30), (5, 25)], [(0, 30)]),
        ([(0, 30), (10, 20)], [(0, 30)]),
        ([(5, 5)], []),
        ([(0, 10), (50, 50)], [(0, 10)]),
        ([(127, 129), (255, 257)], [(127, 129), (255, 257)]),
        ([(0, 86_400)], [(0, 86_400)]),
    ],
    ids=["on", "back", "a gap closed", "watched again", "a seek", "a seek away", "over blocks", "a day"],
)
def test_coverage(stretches: list[tuple[int, int]], coverage: list[tuple[int, int]]) -> None:
    watch(*stretches)
    assert pair().stretches == coverage
    assert pair().unique_seconds == sum(end - start for start, end in coverage)
    assert sum(curves("alien")[1]) == pair().unique_seconds
    assert sum(curves("alien")[0]) == pair().total


def test_the_resume_moment_is_that_of_the_last_watched_not_the_furthest_nor_the_last_to_arrive() -> None:
    fold([event(at=600, occurred_at=NOON)])
    fold([event(start=20, at=50, occurred_at=NOON + timedelta(hours=1))])
    fold([event(at=900, occurred_at=NOON - timedelta(hours=1))])
    assert (pair().resume_moment, pair().last_moment) == (50, 900)
    assert pair().watched_at == NOON + timedelta(hours=1)


def test_of_events_at_one_time_the_greater_id_is_the_later() -> None:
    first, second = sorted((event(at=10), event(at=20)), key=lambda one: one.id)
    fold([second])
    fold([first])
    assert pair().resume_moment == second.at


def test_a_seek_moves_the_resume_moment_alone() -> None:
    fold([event(at=60, occurred_at=NOON), event(start=300, at=300, occurred_at=NOON + timedelta(seconds=1))])
    assert (pair().resume_moment, pair().last_moment, pair().unique_seconds, pair().total) == (300, 300, 60, 60)


def test_seconds_without_a_position_are_in_totals_and_periods_alone() -> None:
    fold([event(at=500, positional=False, occurred_at=NOON)])
    assert (pair().total, pair().last_moment, pair().unique_seconds, pair().resume_moment) == (500, 0, 0, 0)
    assert pair().watched_at == NOON
    assert curves("alien") == ((), ())
    assert MovieQuarter.objects.get().seconds == MovieDay.objects.get().seconds == 500
    fold([event(at=40, occurred_at=NOON - timedelta(days=1))])
    fold([event(at=9, positional=False, occurred_at=NOON + timedelta(days=1))])
    assert (pair().total, pair().last_moment, pair().resume_moment) == (549, 40, 40)
    assert pair().watched_at == NOON - timedelta(days=1)


def test_a_period_begins_with_its_first_moment() -> None:
    midnight = datetime(2026, 1, 2, tzinfo=UTC)
    fold([event(at=1, occurred_at=midnight - timedelta(microseconds=1)), event(at=10, occurred_at=midnight)])
    quarters = MovieQuarter.objects.order_by("period").values_list("period", "seconds", "events")
    start = int(midnight.timestamp()) // 900
    assert list(quarters) == [(start - 1, 1, 1), (start, 10, 1)]
    days = MovieDay.objects.order_by("period").values_list("seconds", flat=True)
    assert list(days) == [1, 10]
