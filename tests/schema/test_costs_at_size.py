"""What the reads of the graph cost with 1,000,000 events: a movie has all of them, and a viewer 100,000.

The tables are filled by SQL, as the fold would leave them in what matters here: how many rows there are for what. The
plans are those that PostgreSQL chooses by itself; `python -m bench flat` shows how long reads take.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from django.db import connection, transaction
from pytest_django.plugin import DjangoDbBlocker

from tests.plans import cost_of, statements
from tests.schema.conftest import Ask

pytestmark = [pytest.mark.postgresql, pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.django_db]

EVENTS, VIEWERS, MOVIES = 1_000_000, 20_000, 1_000
LARGE = {f"watchtime_{name}" for name in ("event", "watchtime", "customuser", "movieblock", "moviequarter", "movieday")}
# The movie 1 has all events but those of another movie each; the viewer 1 has a tenth of them, over a year.
FILL = (
    f"INSERT INTO watchtime_customuser (id, username, total_watch_time) SELECT n, 'viewer-' || n, n * 7919 % 1000000 "
    f"FROM generate_series(1, {VIEWERS}) n",
    f"INSERT INTO watchtime_movie (id, slug, title, total_watch_time) SELECT n, 'movie-' || n, '', n * 7919 % 1000000 "
    f"FROM generate_series(1, {MOVIES}) n",
    "INSERT INTO watchtime_event (event_id, user_id, movie_id, start, at, positional, occurred_at, received_at) "
    f"SELECT gen_random_uuid(), CASE WHEN n % 10 = 0 THEN 1 ELSE 2 + n % {VIEWERS - 1} END, 1, n % 7000, "
    f"n % 7000 + 30, true, '2026-01-01Z'::timestamptz + n * interval '31 s', now() FROM generate_series(1, {EVENTS}) n",
    "INSERT INTO watchtime_event (event_id, user_id, movie_id, start, at, positional, occurred_at, received_at) "
    f"SELECT gen_random_uuid(), 2 + n % {VIEWERS - 1}, 2 + n % {MOVIES - 1}, 0, 30, "
    f"true, '2026-01-01Z'::timestamptz + n * interval '310 s', now() FROM generate_series(1, {EVENTS // 10}) n",
    "INSERT INTO watchtime_watchtime (user_id, movie_id, total, last_moment, unique_seconds, coverage, resume_moment, "
    "watched_at, watched_day) SELECT n, movie, 7030, 7030, 7030, '\\x000000000000001b76', 600, "
    "'2026-01-01Z'::timestamptz + (n + movie) % 365 * interval '1 day', 20454 + (n + movie) % 365 FROM ("
    f"SELECT n, 1 AS movie FROM generate_series(1, {VIEWERS}) n UNION ALL "
    f"SELECT 1, n FROM generate_series(2, {MOVIES}) n UNION ALL "
    f"SELECT 2 + n % {VIEWERS - 1}, 2 + (n + n / {VIEWERS - 1}) % {MOVIES - 1} FROM generate_series(1, 100000) n) pair "
    "ON CONFLICT DO NOTHING",
    "INSERT INTO watchtime_movieblock (movie_id, block, views, viewers) SELECT movie, block, "
    "decode('62' || repeat('01', 128), 'hex'), decode('62' || repeat('01', 128), 'hex') "
    f"FROM generate_series(1, {MOVIES}) movie, generate_series(0, 54) block",
    "INSERT INTO watchtime_moviequarter (movie_id, period, seconds, events) SELECT movie, 1963584 + period, 30, 1 "
    f"FROM (SELECT 1 AS movie, period FROM generate_series(0, 365 * 96) period UNION ALL SELECT movie, period * 97 "
    f"FROM generate_series(2, {MOVIES}) movie, generate_series(0, 100) period) AS quarters",
    "INSERT INTO watchtime_movieday (movie_id, period, seconds, events) SELECT movie, 20454 + day, 900, 30 "
    f"FROM generate_series(1, {MOVIES}) movie, generate_series(0, 364) day",
)
ANALYZE = [f"ANALYZE {table}" for table in (*sorted(LARGE), "watchtime_movie")]


@pytest.fixture(scope="module", autouse=True)
def full_tables(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Fill the tables once for all tests here, or leave them as they are, and empty them."""
    with django_db_blocker.unblock(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE indexname ~ '^event_by_'")
        names, definitions = zip(*cursor.fetchall(), strict=True)
        cursor.execute(f"DROP INDEX {', '.join(names)}")
        for statement in (*FILL, *definitions, *ANALYZE):
            cursor.execute(statement)
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(sorted(LARGE))}, watchtime_movie CASCADE")


class Read(NamedTuple):
    """A document, in how many statements it is answered, and how many pages of 8 KiB these may look at together."""

    query: str
    statements: int
    pages: int


DAY = 'from: "2026-06-01T00:00:00Z", to: "2026-06-02T00:00:00Z"'
YEAR = 'from: "2026-01-01T00:00:00Z", to: "2027-01-01T00:00:00Z"'
UNEVEN = 'from: "2026-01-01T00:07:00Z", to: "2026-12-01T13:08:01Z", interval: MONTH, timeZone: "Asia/Kathmandu"'
HIT = 'movieTotalWatchTime(slug: "movie-1")'
FAN = 'userTotalWatchTime(username: "viewer-1")'
PAIR = 'userMovieTotalWatchTime(username: "viewer-1", movieSlug: "movie-1")'
POINT = "start totalWatchTime events"
PAGE = "edges { node { id } } pageInfo { hasNextPage endCursor }"

READS = {
    "retention": Read(f"{{ {HIT} {{ retention(bins: 100) {{ views viewers }} }} }}", 2, 100),
    "days of a movie": Read(f"{{ {HIT} {{ watchTimeSeries({YEAR}) {{ {POINT} }} }} }}", 2, 3_000),
    "hours of a movie": Read(f"{{ {HIT} {{ watchTimeSeries({DAY}, interval: HOUR) {{ {POINT} }} }} }}", 2, 300),
    "an uneven window of a movie": Read(f"{{ {HIT} {{ watchTimeSeries({UNEVEN}) {{ {POINT} }} }} }}", 5, 1_500),
    "a day of a viewer": Read(f"{{ {FAN} {{ watchTimeSeries({DAY}) {{ {POINT} }} }} }}", 3, 1_500),
    "coverage": Read(f"{{ {PAIR} {{ uniqueSeconds coverage {{ start end }} completion resumeMoment }} }}", 2, 30),
    "continue watching": Read(f"{{ {FAN} {{ continueWatching(first: 20) {{ {PAGE} }} }} }}", 3, 600),
    "top movies of a day": Read(f"{{ topMovies({DAY}) {{ totalWatchTime movie {{ slug }} }} }}", 2, 4_000),
    "newest events": Read(f"{{ events(first: 20) {{ {PAGE} }} }}", 1, 300),
    "events of a viewer": Read(f'{{ events(first: 20, username: "viewer-1") {{ {PAGE} }} }}', 2, 300),
    "events of a movie": Read(f'{{ events(first: 20, slug: "movie-1") {{ {PAGE} }} }}', 2, 300),
    "events of a pair": Read(f'{{ events(first: 20, username: "viewer-1", slug: "movie-1") {{ {PAGE} }} }}', 2, 300),
    "top viewers": Read(f"{{ users(first: 20) {{ {PAGE} }} }}", 1, 3_000),
    "top movies": Read(f"{{ movies(first: 20) {{ {PAGE} }} }}", 1, 300),
    "viewers of a movie": Read(f"{{ {HIT} {{ watchTimes(first: 20) {{ {PAGE} }} }} }}", 3, 300),
    "movies of a viewer": Read(f"{{ {FAN} {{ watchTimes(first: 20) {{ {PAGE} }} }} }}", 3, 300),
}


@pytest.mark.parametrize("name", READS)
def test_a_read_costs_what_it_returns(name: str, read: Ask) -> None:
    query, count, pages = READS[name]
    with statements() as made:
        (answer,) = read(query).values()
    assert answer, "something is read"
    costs = [cost_of(statement) for statement in made]
    assert len(made) == count, [statement.sql for statement in made]
    assert LARGE.isdisjoint(set().union(*(cost.read_whole for cost in costs)))
    assert sum(cost.pages for cost in costs) <= pages, [cost.pages for cost in costs]
