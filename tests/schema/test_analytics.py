"""Coverage, retention, series, top movies, and what people enter about movies, through the graph."""

from typing import Any
from uuid import uuid4

import pytest

from tests.schema.conftest import Ask
from watchtime.events import WatchEvent
from watchtime.fold import fold
from watchtime.models import Movie

pytestmark = pytest.mark.django_db(transaction=True)
WINDOW = 'from: "2026-03-01T00:00:00Z", to: "2026-03-03T00:00:00Z"'


def watch(user: str, slug: str, start: int, at: int, day: int = 1) -> None:
    fields = {"user": user, "slug": slug, "start": start, "at": at, "occurred_at": f"2026-03-0{day}T12:00:00Z"}
    fold([WatchEvent.from_fields({"id": str(uuid4()), **fields})])


def test_a_pair_has_its_coverage(read: Ask) -> None:
    watch("ada", "dune", 0, 120, day=2)
    watch("ada", "dune", 60, 90, day=1)
    watch("ada", "dune", 200, 300, day=1)
    Movie.objects.update(duration_seconds=440)
    pair = read(
        '{ userMovieTotalWatchTime(username: "ada", movieSlug: "dune") '
        "{ totalWatchTime uniqueSeconds coverage { start end } completion resumeMoment watchedAt } }"
    )["userMovieTotalWatchTime"]
    assert pair == {
        "totalWatchTime": 250,
        "uniqueSeconds": 220,
        "coverage": [{"start": 0, "end": 120}, {"start": 200, "end": 300}],
        "completion": 0.5,
        "resumeMoment": 120,
        "watchedAt": "2026-03-02T12:00:00+00:00",
    }


def test_a_movie_has_its_curve_and_both_have_their_series(read: Ask) -> None:
    watch("ada", "dune", 0, 100)
    watch("ben", "dune", 0, 50, day=2)
    data = read(
        '{ movieTotalWatchTime(slug: "dune") { durationSeconds retention(bins: 2) { start end views viewers } '
        "watchTimeSeries(" + WINDOW + ") { start totalWatchTime events } } "
        'userTotalWatchTime(username: "ben") { watchTimeSeries(' + WINDOW + ") { totalWatchTime events } } }"
    )
    assert data["movieTotalWatchTime"] == {
        "durationSeconds": None,
        "retention": [
            {"start": 0.0, "end": 50.0, "views": 2.0, "viewers": 2.0},
            {"start": 50.0, "end": 100.0, "views": 1.0, "viewers": 1.0},
        ],
        "watchTimeSeries": [
            {"start": "2026-03-01T00:00:00+00:00", "totalWatchTime": 100, "events": 1},
            {"start": "2026-03-02T00:00:00+00:00", "totalWatchTime": 50, "events": 1},
        ],
    }
    series = data["userTotalWatchTime"]["watchTimeSeries"]
    assert series == [{"totalWatchTime": 0, "events": 0}, {"totalWatchTime": 50, "events": 1}]


def test_the_top_movies_of_a_window(read: Ask) -> None:
    watch("ada", "dune", 0, 100)
    watch("ada", "heat", 0, 300, day=4)
    assert read("{ topMovies(" + WINDOW + ", first: null) { movie { slug } totalWatchTime } }")["topMovies"] == [
        {"movie": {"slug": "dune"}, "totalWatchTime": 100}
    ]


def test_what_to_continue_comes_newest_first_without_the_finished(read: Ask) -> None:
    for slug, at, day in (("begun", 59, 1), ("half", 60, 2), ("late", 500, 3), ("over", 950, 4), ("long", 6_899, 5)):
        watch("ada", slug, 0, at, day)
    Movie.objects.filter(slug__in=("late", "over")).update(duration_seconds=1_000)
    Movie.objects.filter(slug="long").update(duration_seconds=7_200)
    query = (
        "query ($after: String) { users { edges { node { "
        "continueWatching(first: 2, after: $after) { totalCount edges { cursor node { movie { slug } } } } } } } }"
    )
    first = read(query)["users"]["edges"][0]["node"]["continueWatching"]
    assert [edge["node"]["movie"]["slug"] for edge in first["edges"]] == ["long", "late"]
    assert first["totalCount"] == 3
    rest = read(query, after=first["edges"][-1]["cursor"])["users"]["edges"][0]["node"]["continueWatching"]
    assert [edge["node"]["movie"]["slug"] for edge in rest["edges"]] == ["half"]


@pytest.mark.parametrize(
    "field",
    [
        "retention(bins: 0) { views }",
        "retention(bins: 1001) { views }",
        'watchTimeSeries(from: "2026-03-02T00:00:00Z", to: "2026-03-01T00:00:00Z") { events }',
        'watchTimeSeries(from: "2020-01-01T00:00:00Z", to: "2026-03-01T00:00:00Z") { events }',
        'watchTimeSeries(from: "2026-03-01", to: "2026-03-02T00:00:00Z") { events }',
        "watchTimeSeries(" + WINDOW + ', timeZone: "Nowhere") { events }',
    ],
)
def test_what_cannot_be_meant_is_bad_input(refused: Any, dune: Movie, field: str) -> None:
    assert refused('{ movieTotalWatchTime(slug: "dune") { ' + field + " } }") == "BAD_USER_INPUT"


def test_series_are_in_the_price(refused: Any, dune: Movie) -> None:
    year = 'from: "2020-01-01T00:00:00Z", to: "2022-09-01T00:00:00Z"'
    fields = " ".join(f"s{n}: watchTimeSeries({year}) {{ events }}" for n in range(4))
    assert refused('{ movieTotalWatchTime(slug: "dune") { ' + fields + " } }") == "TOO_LARGE"


def test_only_staff_change_a_movie(refused: Any, dune: Movie) -> None:
    assert refused('mutation { updateMovie(slug: "dune", title: "X") { movie { title } } }') == "UNAUTHENTICATED"
    dune.refresh_from_db()
    assert dune.title == "Dune"
