"""The three totals: one statement each, and nothing for what is unknown."""

from collections.abc import Callable

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.factories import event
from watchtime import totals
from watchtime.fold import fold
from watchtime.models import Movie

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def watched() -> None:
    fold([event(user="anna", slug="alien", start=10, at=40), event(user="anna", slug="heat", at=5)])
    fold([event(user="ben", slug="alien", at=7)])
    Movie.objects.filter(slug="alien").update(title="Alien")


def pk(slug: str) -> int:
    return Movie.objects.get(slug=slug).pk


def test_a_viewers_total_is_one_statement(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        viewer = totals.user_total("anna")
        assert viewer is not None
        assert (viewer.username, viewer.total_watch_time) == ("anna", 35)


@pytest.mark.parametrize("by", ["pk", "slug"])
def test_a_movies_total_is_one_statement(by: str, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    key = {"pk": pk("alien")} if by == "pk" else {"slug": "alien"}
    with django_assert_num_queries(1):
        movie = totals.movie_total(**key)  # type: ignore[arg-type]
        assert movie is not None
        assert (movie.pk, movie.slug, movie.title, movie.total_watch_time) == (movie.pk, "alien", "Alien", 37)


@pytest.mark.parametrize("by", ["movie_pk", "movie_slug"])
def test_a_pairs_total_is_one_statement_with_both(by: str, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    key = {by: pk("alien") if by == "movie_pk" else "alien"}
    with django_assert_num_queries(1):
        pair = totals.user_movie_total("anna", **key)  # type: ignore[arg-type]
        assert pair is not None
        assert (pair.total, pair.last_moment) == (30, 40)
        assert (pair.user.username, pair.user.total_watch_time) == ("anna", 35)
        assert (pair.movie.slug, pair.movie.title, pair.movie.total_watch_time) == ("alien", "Alien", 37)


@pytest.mark.parametrize(
    "read",
    [
        lambda: totals.user_total("zoe"),
        lambda: totals.movie_total(slug="none"),
        lambda: totals.movie_total(pk=0),
        lambda: totals.user_movie_total("zoe", movie_slug="alien"),
        lambda: totals.user_movie_total("anna", movie_slug="none"),
        lambda: totals.user_movie_total("ben", movie_slug="heat"),
    ],
)
def test_what_is_unknown_is_nothing(read: Callable[[], object]) -> None:
    assert read() is None


@pytest.mark.parametrize("keys", [{}, {"pk": 1, "slug": "alien"}])
def test_a_movie_is_named_one_way(keys: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="either"):
        totals.movie_total(**keys)  # type: ignore[arg-type]
