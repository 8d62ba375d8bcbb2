"""The ledger over GraphQL: filters, pages through a range of time, and what it costs."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from tests.schema.conftest import Ask, make_event
from watchtime.models import CustomUser, Movie

EVENTS = """query ($first: Int, $after: String, $last: Int, $before: String, $username: String, $slug: String,
                   $from: DateTime, $until: DateTime) {
  events(first: $first, after: $after, last: $last, before: $before, username: $username, slug: $slug,
         occurredFrom: $from, occurredBefore: $until) {
    totalCount
    edges { node { at } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""


def moments(connection: dict[str, Any]) -> list[int]:
    return [edge["node"]["at"] for edge in connection["edges"]]


@pytest.fixture
def january(ada: CustomUser, dune: Movie) -> None:
    """Put ten events into the ledger, counted in another order than they were watched in; some at one time."""
    days = {0: 1, 1: 2, 2: 2, 3: 2, 4: 3, 5: 3, 6: 4, 7: 5, 8: 5, 9: 6}
    for at in (6, 1, 9, 2, 4, 0, 7, 3, 8, 5):
        make_event(ada, dune, at=at, occurred_at=f"2026-01-0{days[at]}T00:00:00Z")


WHOLE: dict[str, str] = {}
PARTS = [
    (WHOLE, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
    ({"from": "2026-01-02T00:00:00Z", "until": "2026-01-05T00:00:00Z"}, [6, 5, 4, 3, 2, 1]),
    ({"until": "2026-01-03T00:00:00Z", "username": "ada"}, [3, 2, 1, 0]),
    ({"from": "2026-01-05T00:00:00Z", "slug": "dune"}, [9, 8, 7]),
    ({"from": "2026-01-03T00:00:00Z", "until": "2026-01-04T00:00:00Z", "username": "ada", "slug": "dune"}, [5, 4]),
    ({"from": "2026-01-07T00:00:00Z"}, []),
]


@pytest.mark.parametrize(("part", "expected"), PARTS)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_pages_forwards_and_backwards_are_the_whole_part(
    read: Ask, january: None, part: dict[str, str], expected: list[int], size: int
) -> None:
    page = read(EVENTS, first=size, **part)["events"]
    assert page["totalCount"] == len(expected)
    assert page["pageInfo"]["hasPreviousPage"] is False
    forwards = moments(page)
    while page["pageInfo"]["hasNextPage"]:
        page = read(EVENTS, first=size, after=page["pageInfo"]["endCursor"], **part)["events"]
        forwards += moments(page)
    page = read(EVENTS, last=size, **part)["events"]
    assert page["pageInfo"]["hasNextPage"] is False
    backwards = moments(page)
    while page["pageInfo"]["hasPreviousPage"]:
        page = read(EVENTS, last=size, before=page["pageInfo"]["startCursor"], **part)["events"]
        backwards = moments(page) + backwards
    assert forwards == backwards == expected


def test_a_cursor_of_one_part_is_one_of_every_part(read: Ask, january: None) -> None:
    cursor = read(EVENTS, first=5)["events"]["pageInfo"]["endCursor"]
    assert moments(read(EVENTS, after=cursor, username="ada", **{"from": "2026-01-02T00:00:00Z"})["events"]) == [
        *(4, 3, 2, 1)
    ]
    assert moments(read(EVENTS, after=cursor, until="2026-01-02T00:00:00Z")["events"]) == [0]
    assert moments(read(EVENTS, before=cursor, **{"from": "2026-01-05T00:00:00Z"})["events"]) == [9, 8, 7]
    assert moments(read(EVENTS, before=cursor, until="2026-01-02T00:00:00Z")["events"]) == []


@pytest.mark.parametrize(
    ("part", "names", "known"),
    [
        ({}, 0, 1),
        ({"from": "2026-01-02T00:00:00Z", "until": "2026-01-05T00:00:00Z"}, 0, 1),
        ({"username": "ada"}, 1, 1),
        ({"username": "ada", "slug": "dune", "from": "2026-01-02T00:00:00Z"}, 1, 1),
        ({"username": "ada", "slug": "none"}, 1, 0),
        ({"username": "a\0b"}, 0, 0),
    ],
)
def test_a_page_is_one_statement_the_names_another_and_the_count_a_third(
    read: Ask,
    january: None,
    part: dict[str, str],
    names: int,
    known: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    page = EVENTS.replace("totalCount", "").replace("{ at }", "{ at user { username } movie { slug } }")
    with django_assert_num_queries(names + known):
        read(page, first=3, **part)
    with django_assert_num_queries(names + 2 * known):
        read(EVENTS, first=3, **part)


def test_a_ledger_too_long_to_count_says_so(read: Ask, january: None, settings: Settings) -> None:
    settings.GRAPHQL_MAX_COUNT = 9
    assert read(EVENTS)["events"]["totalCount"] is None
    assert read(EVENTS, **{"from": "2026-01-02T00:00:00Z"})["events"]["totalCount"] == 9


def cursor(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(["NEWEST", *values]).encode()).decode()


YEAR_1, YEAR_10000 = -62_135_596_800_000_000, 253_402_300_800_000_000  # in microseconds after 1970


@pytest.mark.parametrize("argument", ["after", "before"])
@pytest.mark.parametrize(
    "values",
    [
        *((), (5,), (5, 1, 1), (True, 1), (5, True), (1.5, 1), (None, 1), (5, None), ([], 1), ({}, 1), ("5", 1)),
        *(("2026-01-01T00:00:00", 1), ("2026-01-01T00:00:00+00:00", 1), ("NaN", 1), (5, -1), (5, 2**63)),
        *((YEAR_1 - 1, 1), (YEAR_10000, 1), (2**63, 1), (-(2**63), 1), (10**400, 1)),
    ],
)
def test_what_is_no_place_in_the_ledger_is_bad_input(
    refused: Callable[..., str], january: None, argument: str, values: tuple[object, ...]
) -> None:
    assert refused(EVENTS, **{argument: cursor(*values)}) == "BAD_USER_INPUT"


def test_a_cursor_reaches_from_the_first_year_to_the_last(read: Ask, january: None) -> None:
    first, last = cursor(YEAR_1, 0), cursor(YEAR_10000 - 1, 2**63 - 1)
    assert len(moments(read(EVENTS, after=last, before=first)["events"])) == 10
    assert moments(read(EVENTS, after=first)["events"]) == moments(read(EVENTS, before=last)["events"]) == []


def test_an_event_before_1970_has_a_cursor(read: Ask, ada: CustomUser, dune: Movie) -> None:
    for at, time in enumerate(("0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z")):
        make_event(ada, dune, at=at, occurred_at=time)
    last = read(EVENTS, first=1)["events"]
    middle = read(EVENTS, first=1, after=last["pageInfo"]["endCursor"])["events"]
    first = read(EVENTS, first=1, after=middle["pageInfo"]["endCursor"])["events"]
    assert [*moments(last), *moments(middle), *moments(first)] == [2, 1, 0]


@pytest.mark.parametrize(
    ("start", "end"), [("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"), ("2026-01-06T00:00:00+23:59", None)]
)
def test_a_range_may_be_as_long_as_time(read: Ask, january: None, start: str, end: str | None) -> None:
    assert 9 in moments(read(EVENTS, until=end, **{"from": start})["events"])


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"])
@pytest.mark.parametrize("argument", ["from", "until"])
def test_a_range_ends_with_time(refused: Callable[..., str], db: None, argument: str, time: str) -> None:
    assert refused(EVENTS, **{argument: time}) == "BAD_USER_INPUT"


def test_events_come_newest_first_and_by_viewer_movie_and_time(read: Ask, ada: CustomUser, dune: Movie) -> None:
    bob, heat = CustomUser.objects.create(username="bob"), Movie.objects.create(slug="heat")
    for at, (user, movie) in enumerate([(ada, dune), (bob, dune), (ada, heat), (bob, heat)]):
        make_event(user, movie, at=at, occurred_at=f"2026-01-0{at + 1}T00:00:00Z")

    def moments(arguments: str) -> list[int]:
        connection = read(f"{{ events({arguments}) {{ edges {{ node {{ at }} }} }} }}")["events"]
        return [edge["node"]["at"] for edge in connection["edges"]]

    assert moments("first: 10") == [3, 2, 1, 0]
    assert moments('username: "ada"') == [2, 0]
    assert moments('slug: "dune"') == [1, 0]
    assert moments('username: "ada", slug: "heat"') == [2]
    assert moments('username: "nobody"') == []
    assert moments('occurredFrom: "2026-01-02T00:00:00Z", occurredBefore: "2026-01-04T00:00:00Z"') == [2, 1]
    assert moments('occurredFrom: "2026-01-02T01:00:00+01:00"') == [3, 2, 1]


def test_an_event_shows_what_was_reported(read: Ask, ada: CustomUser, dune: Movie) -> None:
    event = make_event(ada, dune, start=5, at=10, occurred_at="2026-01-31T20:15:00Z")
    fields = "eventId start at occurredAt receivedAt user { username } movie { slug }"
    (edge,) = read(f"{{ events {{ edges {{ node {{ {fields} }} }} }} }}")["events"]["edges"]
    assert edge["node"] == {
        "eventId": str(event.event_id),
        "start": 5,
        "at": 10,
        "occurredAt": "2026-01-31T20:15:00+00:00",
        "receivedAt": event.received_at.isoformat(),
        "user": {"username": "ada"},
        "movie": {"slug": "dune"},
    }


@pytest.mark.parametrize("time", ["yesterday", "2026-01-01", "2026-01-01T00:00:00"])
def test_a_time_range_needs_times(refused: Callable[..., str], db: None, time: str) -> None:
    assert refused("query ($t: DateTime) { events(occurredFrom: $t) { totalCount } }", t=time) == "BAD_USER_INPUT"
