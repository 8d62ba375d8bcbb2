"""The retention curve, held to the results that other systems publish for theirs."""

from uuid import uuid4

import pytest

from watchtime.events import WatchEvent
from watchtime.fold import fold
from watchtime.models import Movie
from watchtime.retention import retention

pytestmark = pytest.mark.django_db(transaction=True)


def watch(viewer: str, *stretches: tuple[int, int], **fields: object) -> list[WatchEvent]:
    return [
        WatchEvent.from_fields({"id": str(uuid4()), "user": viewer, "slug": "m", "start": start, "at": at, **fields})
        for start, at in stretches
    ]


def curve(bins: int, duration: int | None = None) -> list[tuple[float, float, float, float]]:
    Movie.objects.filter(slug="m").update(duration_seconds=duration)
    return [tuple(point) for point in retention(Movie.objects.get(slug="m"), bins)]


def test_half_open_stretches_of_four_sessions() -> None:
    sessions = [(0, 1), (1, 3), (3, 4), (0, 1)]
    fold([event for number, each in enumerate(sessions) for event in watch(f"v{number}", each)])
    assert [100 * views / 4 for *_, views, _ in curve(6, duration=6)] == [50, 25, 25, 25, 0, 0]
    assert len(curve(4)) == 4


def test_part_of_the_audience_leaves() -> None:
    fold([event for n in range(100) for event in watch(f"v{n}", (0, 15) if n < 50 else (0, 60))])
    assert [views for *_, views, _ in curve(4, duration=60)] == [100, 50, 50, 50]


def test_a_replay_is_a_view_and_no_viewer() -> None:
    fold([e for n in range(100) for e in (watch(f"v{n}", (0, 60)) if n < 80 else watch(f"v{n}", (0, 45), (30, 60)))])
    assert [views for *_, views, _ in curve(4, duration=60)] == [100, 100, 120, 100]
    assert [viewers for *_, viewers in curve(4, duration=60)] == [100, 100, 100, 100]


def test_a_part_is_the_mean_of_its_seconds_and_of_parts_of_them() -> None:
    fold([*watch("a", (0, 3)), *watch("b", (2, 3))])
    assert curve(2, duration=3) == [(0.0, 1.5, 1.0, 1.0), (1.5, 3.0, pytest.approx(5 / 3), pytest.approx(5 / 3))]
    assert [views for *_, views, _ in curve(6, duration=3)] == [1, 1, 1, 1, 2, 2]


def test_what_has_no_position_is_no_view() -> None:
    fold([*watch("a", (0, 50), positional=False), *watch("a", (10, 10))])
    assert curve(3) == []
    assert curve(2, duration=10) == [(0.0, 5.0, 0.0, 0.0), (5.0, 10.0, 0.0, 0.0)]
