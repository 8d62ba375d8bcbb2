"""The three totals, the lists and the node, over HTTP."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries
from strawberry.relay import to_base64

from tests.factories import event
from tests.schema.conftest import Ask, make_event
from watchtime.fold import fold
from watchtime.models import CustomUser, Movie, WatchTime

PAIR = """query ($username: String!, $moviePk: ID, $movieSlug: String) {
  userMovieTotalWatchTime(username: $username, moviePk: $moviePk, movieSlug: $movieSlug) {
    user { username } movie { slug title } lastMoment totalWatchTime
  }
}"""
MOVIE = "query ($pk: ID, $slug: String) { movieTotalWatchTime(pk: $pk, slug: $slug) { pk slug title totalWatchTime } }"


def test_a_users_total_is_one_statement(
    read: Ask, ada: CustomUser, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        data = read('{ userTotalWatchTime(username: "ada") { pk username totalWatchTime } }')
    assert data == {"userTotalWatchTime": {"pk": str(ada.pk), "username": "ada", "totalWatchTime": 2**40}}


@pytest.mark.parametrize("username", ["nobody", "", "a\0b", "\ud800", "x" * 10_000])
def test_an_unknown_user_is_null(read: Ask, ada: CustomUser, username: str) -> None:
    data = read("query ($u: String!) { userTotalWatchTime(username: $u) { pk } }", u=username)
    assert data == {"userTotalWatchTime": None}


def test_a_movies_total_by_pk_and_by_slug(
    read: Ask, dune: Movie, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    expected = {"pk": str(dune.pk), "slug": "dune", "title": "Dune", "totalWatchTime": 2**41}
    with django_assert_num_queries(2):
        assert read(MOVIE, pk=dune.pk)["movieTotalWatchTime"] == expected
        assert read(MOVIE, slug="dune")["movieTotalWatchTime"] == expected


@pytest.mark.parametrize("pk", ["0", "-1", "abc", "1.5", str(2**63), "9" * 5000, "", "٣", "1\0"])
def test_a_pk_that_no_movie_has_is_null(read: Ask, dune: Movie, pk: str) -> None:
    assert read(MOVIE, pk=pk) == {"movieTotalWatchTime": None}
    assert read(PAIR, username="ada", moviePk=pk) == {"userMovieTotalWatchTime": None}


@pytest.mark.parametrize("slug", ["unknown", "", "a\0b", "\udfff"])
def test_a_slug_that_no_movie_has_is_null(read: Ask, dune: Movie, slug: str) -> None:
    assert read(MOVIE, slug=slug) == {"movieTotalWatchTime": None}
    assert read(PAIR, username="ada", movieSlug=slug) == {"userMovieTotalWatchTime": None}


def test_a_movie_needs_exactly_one_name(refused: Callable[..., str], watched: WatchTime) -> None:
    assert refused(MOVIE) == "BAD_USER_INPUT"
    assert refused(MOVIE, pk=None) == "BAD_USER_INPUT"
    assert refused(MOVIE, pk=1, slug="dune") == "BAD_USER_INPUT"
    assert refused(PAIR, username="ada") == "BAD_USER_INPUT"
    assert refused(PAIR, username="ada", moviePk=1, movieSlug="dune") == "BAD_USER_INPUT"


def test_a_pairs_total_is_one_statement(
    read: Ask, watched: WatchTime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        data = read(PAIR, username="ada", movieSlug="dune")
    assert data["userMovieTotalWatchTime"] == {
        "user": {"username": "ada"},
        "movie": {"slug": "dune", "title": "Dune"},
        "lastMoment": 407,
        "totalWatchTime": 2**33,
    }
    assert read(PAIR, username="ada", moviePk=watched.movie_id) == data
    assert read(PAIR, username="bob", movieSlug="dune") == {"userMovieTotalWatchTime": None}


def test_node_returns_each_object_by_its_id(read: Ask, watched: WatchTime) -> None:
    make_event(watched.user, watched.movie)
    data = read("""{
      userTotalWatchTime(username: "ada") { id __typename }
      movieTotalWatchTime(slug: "dune") { id __typename }
      userMovieTotalWatchTime(username: "ada", movieSlug: "dune") { id __typename }
      events { edges { node { id __typename } } }
    }""")
    objects = [*list(data.values())[:3], data["events"]["edges"][0]["node"]]
    assert [item["__typename"] for item in objects] == ["User", "Movie", "WatchTime", "Event"]
    for item in objects:
        assert read("query ($id: ID!) { node(id: $id) { id __typename } }", id=item["id"])["node"] == item


def test_a_node_that_is_gone_is_null(read: Ask, db: None) -> None:
    assert read('{ node(id: "VXNlcjo5OTk5") { id } }') == {"node": None}


@pytest.mark.parametrize(
    "node_id",
    [
        *("", "abc", "VXNlcg==", "VXNlcjo=", "VXNlcjphYmM=", "UXVlcnk6MQ==", "VXNlcjo1\n", "é", "\ud800", "/w=="),
        *("A" * 9999, "VXNlcjo5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "VXNlcjowMQ=="),
    ],
)
def test_what_is_no_global_id_is_bad_input(ask: Ask, db: None, node_id: str) -> None:
    (error,) = ask("query ($id: ID!) { node(id: $id) { id } }", id=node_id)["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == "id is not a global id."


def test_no_list_name_or_id_leads_to_an_account(read: Ask, db: None) -> None:
    """Accounts and viewers are rows of two tables: what is public of viewers shows nobody of the staff."""
    accounts = [User.objects.create_user(name, is_staff=True) for name in ("clerk", "editor", "root")]
    fold([event(user="ada", at=10)])
    viewer = CustomUser.objects.get()
    assert read("{ users { totalCount edges { node { username } } } }")["users"] == {
        "totalCount": 1,
        "edges": [{"node": {"username": "ada"}}],
    }
    found = read('{ userTotalWatchTime(username: "clerk") { id } searchViewers(text: "clerk") { username } }')
    assert found == {"userTotalWatchTime": None, "searchViewers": []}
    for pk in {viewer.pk, *(account.pk for account in accounts)}:
        node = read("query ($id: ID!) { node(id: $id) { ... on User { username } } }", id=to_base64("User", pk))["node"]
        assert node == ({"username": "ada"} if pk == viewer.pk else None)
