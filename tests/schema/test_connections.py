"""Paging: every order, both directions, the same rows whatever the page size; and no statement too many."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from tests.plans import is_sought, plan_of, statements
from tests.schema.conftest import Ask, make_event, make_grid
from watchtime.models import CustomUser, Event, Movie, WatchTime

USERS = """query ($first: Int, $after: String, $last: Int, $before: String,
                  $orderBy: UserOrder! = TOTAL_WATCH_TIME_DESC) {
  users(first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy) {
    edges { cursor node { username } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""


def names(page: dict[str, Any]) -> list[str]:
    return [edge["node"]["username"] for edge in page["edges"]]


ORDERS = {
    "TOTAL_WATCH_TIME_DESC": ("-total_watch_time", "-id"),
    "TOTAL_WATCH_TIME_ASC": ("total_watch_time", "id"),
    "USERNAME_ASC": ("username",),
    "USERNAME_DESC": ("-username",),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_pages_forwards_and_backwards_are_the_whole_list(read: Ask, db: None, order: str, size: int) -> None:
    make_grid(7, 0)
    everyone = list(CustomUser.objects.order_by(*ORDERS[order]).values_list("username", flat=True))
    forwards: list[str] = []
    page = read(USERS, first=size, orderBy=order)["users"]
    assert page["pageInfo"]["hasPreviousPage"] is False
    forwards += names(page)
    while page["pageInfo"]["hasNextPage"]:
        page = read(USERS, first=size, after=page["pageInfo"]["endCursor"], orderBy=order)["users"]
        assert page["pageInfo"]["hasPreviousPage"] is True
        forwards += names(page)
    backwards: list[str] = []
    page = read(USERS, last=size, orderBy=order)["users"]
    backwards = names(page)
    while page["pageInfo"]["hasPreviousPage"]:
        page = read(USERS, last=size, before=page["pageInfo"]["startCursor"], orderBy=order)["users"]
        backwards = names(page) + backwards
    assert forwards == backwards == everyone


def test_a_page_between_two_cursors(read: Ask, db: None) -> None:
    make_grid(6, 0)
    edges = read(USERS, first=6, orderBy="USERNAME_ASC")["users"]["edges"]
    page = read(USERS, first=9, after=edges[0]["cursor"], before=edges[4]["cursor"], orderBy="USERNAME_ASC")["users"]
    assert names(page) == ["user-001", "user-002", "user-003"]


def test_an_empty_page_has_no_cursors(read: Ask, db: None) -> None:
    make_grid(2, 0)
    page = read(USERS, first=0)["users"]
    assert page == {
        "edges": [],
        "pageInfo": {"hasNextPage": True, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
    }


def test_the_page_size_has_a_default_and_a_cap(
    read: Ask, refused: Callable[..., str], db: None, settings: Settings
) -> None:
    make_grid(30, 0)
    assert len(names(read(USERS)["users"])) == settings.GRAPHQL_PAGE_SIZE
    assert refused(USERS, first=settings.GRAPHQL_MAX_PAGE_SIZE + 1) == "BAD_USER_INPUT"
    assert refused(USERS, last=settings.GRAPHQL_MAX_PAGE_SIZE + 1) == "BAD_USER_INPUT"
    assert refused(USERS, first=-1) == "BAD_USER_INPUT"
    assert refused(USERS, first=1, last=1) == "BAD_USER_INPUT"


def cursor_of_another_list(read: Ask) -> str:
    cursor: str = read(USERS, first=1, orderBy="USERNAME_ASC")["users"]["edges"][0]["cursor"]
    return cursor


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "abc", "!", "é", "\ud800", "bnVsbA==", "W10=", "WzFd", "A" * 9999, "W1tbW1tb" * 999),
        "WyJUT1RBTF9XQVRDSF9USU1FX0RFU0MiLCJ4IiwxXQ==",  # ["TOTAL_WATCH_TIME_DESC","x",1]
        "WyJUT1RBTF9XQVRDSF9USU1FX0RFU0MiLDFdCg==",  # ["TOTAL_WATCH_TIME_DESC",1]
        "WyJUT1RBTF9XQVRDSF9USU1FX0RFU0MiLHRydWUsMV0=",  # ["TOTAL_WATCH_TIME_DESC",true,1]
        "WyJUT1RBTF9XQVRDSF9USU1FX0RFU0MiLDkyMjMzNzIwMzY4NTQ3NzU4MDgsMV0=",  # [..., 2**63, 1]
    ],
)
@pytest.mark.parametrize("argument", ["after", "before"])
def test_what_is_no_cursor_is_bad_input(ask: Ask, db: None, argument: str, cursor: str) -> None:
    (error,) = ask(USERS, **{argument: cursor})["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == f"{argument} is not a cursor of this list in this order."


def test_a_cursor_of_another_order_is_bad_input(read: Ask, refused: Callable[..., str], ada: CustomUser) -> None:
    assert refused(USERS, after=cursor_of_another_list(read)) == "BAD_USER_INPUT"


def test_a_cursor_of_users_is_none_of_movies(read: Ask, refused: Callable[..., str], ada: CustomUser) -> None:
    cursor = read("{ users { pageInfo { endCursor } } }")["users"]["pageInfo"]["endCursor"]
    assert refused("query ($c: String!) { movies(after: $c) { pageInfo { endCursor } } }", c=cursor) == "BAD_USER_INPUT"


def test_a_page_is_one_statement_and_the_count_another(
    read: Ask, db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_grid(5, 0)
    with django_assert_num_queries(1):
        read("{ users(first: 2) { edges { node { id } } pageInfo { endCursor } } }")
    with django_assert_num_queries(1):
        assert read("{ users(first: 2) { totalCount } }")["users"]["totalCount"] == 5
    with django_assert_num_queries(2):
        read("{ users(first: 2) { totalCount edges { node { id } } } }")


def test_a_list_too_long_to_count_says_so(read: Ask, db: None, settings: Settings) -> None:
    make_grid(5, 0)
    settings.GRAPHQL_MAX_COUNT = 4
    assert read("{ users { totalCount } }")["users"]["totalCount"] is None


def test_lists_too_long_to_count_together_say_so(
    read: Ask, db: None, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_grid(3, 2)
    counts = "{ users { edges { node { watchTimes { totalCount } } } } }"
    for limit, count in ((6, 2), (5, None)):
        settings.GRAPHQL_MAX_COUNT = limit
        with django_assert_num_queries(2):
            edges = read(counts)["users"]["edges"]
        assert [edge["node"]["watchTimes"]["totalCount"] for edge in edges] == [count] * 3


DEEPEST = """{
  users(first: 3) { edges { node {
    id username totalWatchTime
    watchTimes(first: 2) { totalCount pageInfo { hasNextPage endCursor } edges { cursor node {
      id lastMoment totalWatchTime user { username }
      movie { slug title watchTimes(first: 2) { edges { node { user { username } totalWatchTime } } } }
    } } }
  } } }
}"""


def test_the_statements_of_the_deepest_useful_query_do_not_depend_on_the_rows(
    read: Ask, db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_grid(5, 4)
    with django_assert_num_queries(6):  # users; watch times, twice two; the count of those; none a user or movie
        data = read(DEEPEST)
    users = [edge["node"] for edge in data["users"]["edges"]]
    assert [user["username"] for user in users] == ["user-004", "user-003", "user-002"]
    for user in users:
        part = user["watchTimes"]
        assert part["totalCount"] == 4
        assert part["pageInfo"]["hasNextPage"] is True
        assert [edge["node"]["user"]["username"] for edge in part["edges"]] == [user["username"]] * 2
        assert [edge["node"]["movie"]["slug"] for edge in part["edges"]] == ["movie-000", "movie-001"]
        for edge in part["edges"]:
            viewers = edge["node"]["movie"]["watchTimes"]["edges"]
            assert [viewer["node"]["user"]["username"] for viewer in viewers] == ["user-000", "user-001"]


def test_lists_under_many_start_at_a_cursor(read: Ask, db: None) -> None:
    make_grid(3, 4)
    own = "watchTimes(first: 2) { edges { cursor } }"
    cursors = read(f"{{ users(orderBy: USERNAME_ASC) {{ edges {{ node {{ {own} }} }} }} }}")["users"]["edges"]
    middle = cursors[1]["node"]["watchTimes"]["edges"][0]["cursor"]
    for direction, expected in (("after", [0, 3, 4]), ("before", [4, 0, 0])):
        part = f"watchTimes({direction}: $cursor) {{ edges {{ cursor }} }}"
        query = f"query ($cursor: String) {{ users(orderBy: USERNAME_ASC) {{ edges {{ node {{ {part} }} }} }} }}"
        edges = read(query, cursor=middle)["users"]["edges"]
        assert [len(edge["node"]["watchTimes"]["edges"]) for edge in edges] == expected


@pytest.mark.parametrize("arguments", ["first: 3", "last: 3", "first: 0", "last: 1", "first: 25"])
def test_lists_under_many_are_what_lists_under_each_are(read: Ask, db: None, arguments: str) -> None:
    make_grid(3, 5)
    WatchTime.objects.filter(user__username="user-001", movie__slug="movie-003").delete()
    WatchTime.objects.filter(user__username="user-002").delete()
    part = (
        f"watchTimes({arguments}) {{ totalCount pageInfo {{ hasNextPage hasPreviousPage }} edges {{ node {{ id }} }} }}"
    )
    together = read(f"{{ users {{ edges {{ node {{ username {part} }} }} }} }}")["users"]["edges"]
    for edge in together:
        alone = read(
            f"query ($u: String!) {{ userTotalWatchTime(username: $u) {{ username {part} }} }}",
            u=edge["node"]["username"],
        )
        assert edge["node"] == alone["userTotalWatchTime"]


def test_a_nested_list_is_paged_by_cursor(read: Ask, db: None) -> None:
    make_grid(2, 5)
    query = """query ($first: Int, $after: String, $last: Int, $before: String) {
      movieTotalWatchTime(slug: "movie-000") { slug }
      userTotalWatchTime(username: "user-001") {
        watchTimes(first: $first, after: $after, last: $last, before: $before) {
          pageInfo { hasNextPage startCursor endCursor } edges { node { movie { slug } } } } } }"""
    slugs: list[str] = []
    after, more = None, True
    while more:
        page = read(query, first=2, after=after)["userTotalWatchTime"]["watchTimes"]
        slugs += [edge["node"]["movie"]["slug"] for edge in page["edges"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert slugs == [f"movie-{number:03}" for number in range(5)]
    page = read(query, last=2, before=after)["userTotalWatchTime"]["watchTimes"]
    assert [edge["node"]["movie"]["slug"] for edge in page["edges"]] == ["movie-002", "movie-003"]


def test_watch_times_of_the_users_of_events_are_read_together(
    read: Ask, db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_grid(3, 3)
    for user in CustomUser.objects.all():
        for movie in Movie.objects.all():
            make_event(user, movie)
    assert Event.objects.count() == 9
    part = "watchTimes(first: 1) { edges { node { id movie { slug } user { username } } } }"
    with django_assert_num_queries(5):
        read(f"{{ events {{ edges {{ node {{ user {{ {part} }} movie {{ {part} }} }} }} }} }}")


@pytest.mark.parametrize("order", ORDERS)
def test_a_deep_page_is_read_off_an_index(read: Ask, db: None, order: str) -> None:
    make_grid(50, 0)
    cursor = read(USERS, first=40, orderBy=order)["users"]["pageInfo"]["endCursor"]
    with statements() as made:
        read(USERS, first=5, after=cursor, orderBy=order)
    (plan,) = [plan_of(statement) for statement in made]
    assert is_sought(plan), plan
