"""The page at `/`, who gets it, and the fields that only it asks for."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from schema import dashboard
from tests.schema.conftest import Ask
from tests.services import ROOT
from watchtime.models import CustomUser, Movie, MovieDay, MovieQuarter, WatchTime

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
SCRIPTS = sorted(path.name for path in (ROOT / "schema" / "static" / "dashboard").glob("*.js"))


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    dashboard._has_charts.cache_clear()
    yield
    dashboard._has_charts.cache_clear()


def get(accept: str | None, address: str = "/", method: str = "get") -> HttpResponse:
    response: HttpResponse = getattr(Client(), method)(address, headers={"Accept": accept} if accept else {})
    return response


def test_the_sample_event_has_an_id_and_counts_once_however_often_it_is_sent() -> None:
    page = get(BROWSER).content.decode()
    (sample,) = re.findall(r"publishEvent\(event: \{(.*?)\}\)", page)
    assert re.match(r'id: \\"[0-9a-f-]{36}\\", user: ', sample)


class TestWhoGetsIt:
    @pytest.mark.parametrize("accept", [BROWSER, "text/html", "text/html, application/json;q=0.9"])
    @pytest.mark.parametrize("method", ["get", "head"])
    def test_a_browser(self, accept: str, method: str) -> None:
        response = get(accept, method=method)
        assert (response.status_code, response["Content-Type"]) == (200, "text/html; charset=utf-8")

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        "accept", [None, "*/*", "application/json", "application/json, text/html;q=0.9", "garbage"]
    )
    def test_a_program(self, accept: str | None) -> None:
        response = get(accept)
        assert response["Content-Type"] == "application/json"
        assert response.json() == {"next": None, "previous": None, "results": []}

    @pytest.mark.django_db
    def test_the_next_page_of_the_list_is_a_program_s(self) -> None:
        assert get(BROWSER, "/?cursor=older.1.1")["Content-Type"] == "application/json"

    @pytest.mark.django_db
    @pytest.mark.parametrize("accept", [BROWSER, "*/*"])
    def test_caches_keep_the_two_apart(self, accept: str) -> None:
        assert "Accept" in get(accept)["Vary"].split(", ")

    def test_an_event_that_a_browser_sends_is_an_event(self) -> None:
        response = Client().post("/", {"user": "anna"}, headers={"Accept": BROWSER})
        assert (response.status_code, response.json()["detail"]) == (400, "Invalid data")

    def test_nobody_has_to_sign_in_for_the_empty_page(self, settings: Settings) -> None:
        settings.ALLOW_ANONYMOUS = False
        response = get(BROWSER)
        assert response.status_code == 200
        assert b"Authorization: Bearer TOKEN" in response.content
        assert get(None).status_code == 401


class TestPage:
    def test_nothing_runs_inline_and_nothing_comes_from_elsewhere(self) -> None:
        response = get(BROWSER)
        content = response.content.decode()
        assert content.count("<script") == content.count('<script type="module" src="/') + content.count(
            '<script defer src="/'
        )
        assert all(word not in content for word in ("<style", "style=", "onload", "http"))
        assert "script-src 'self'" in response["Content-Security-Policy"].split("; ")
        assert "unsafe" not in response["Content-Security-Policy"]

    @pytest.mark.parametrize("installed", [True, False])
    def test_charts_are_optional(self, monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
        monkeypatch.setattr(dashboard, "is_served", lambda name: installed)
        assert (b"uPlot" in get(BROWSER).content) is installed

    def test_says_how_to_begin(self) -> None:
        content = get(BROWSER).content.decode()
        assert all(word in content for word in ("curl -s", "/graphql/", "import_history", "manage.py demo"))
        assert "Authorization" not in content, "where anonymous callers may publish"

    def test_scripts_are_served(self) -> None:
        assert "main.js" in SCRIPTS
        assert all(finders.find(f"dashboard/{name}") for name in SCRIPTS)


LIVE = "{ live { eventsPerSecond watchTimeToday viewersNow messagesWaiting deadLetters } }"


@pytest.mark.django_db
class TestLive:
    def test_numbers(self, read: Ask) -> None:
        assert read(LIVE)["live"].keys() == {
            "eventsPerSecond",
            "watchTimeToday",
            "viewersNow",
            "messagesWaiting",
            "deadLetters",
        }

    def test_unknown_time_zone(self, refused: Callable[..., str]) -> None:
        assert refused('{ live(timeZone: "Mars/Olympus") { viewersNow } }') == "BAD_USER_INPUT"

    def test_who_may_not_read_gets_null(self, read: Ask, settings: Settings) -> None:
        settings.ALLOW_ANONYMOUS = False
        assert read(LIVE) == {"live": None}


@pytest.mark.django_db
class TestSearch:
    def test_movies_by_title_and_slug(self, read: Ask, dune: Movie) -> None:
        Movie.objects.create(slug="heat", title="Heat", total_watch_time=5)
        for text in ("dune", "DUN", "un"):
            assert read("query ($text: String!) { searchMovies(text: $text) { slug } }", text=text) == {
                "searchMovies": [{"slug": "dune"}]
            }

    def test_viewers(self, read: Ask, ada: CustomUser) -> None:
        assert read('{ searchViewers(text: "AD") { username } }') == {"searchViewers": [{"username": "ada"}]}

    def test_limits(self, read: Ask, refused: Callable[..., str], dune: Movie) -> None:
        assert read('{ searchMovies(text: "", first: 0) { slug } }') == {"searchMovies": []}
        assert refused('{ searchMovies(text: "", first: 101) { slug } }') == "BAD_USER_INPUT"

    def test_who_may_not_read_finds_nothing(self, read: Ask, settings: Settings, dune: Movie, ada: CustomUser) -> None:
        settings.ALLOW_ANONYMOUS = False
        found = read('{ searchMovies(text: "d") { slug } searchViewers(text: "a") { username } }')
        assert found == {"searchMovies": [], "searchViewers": []}


@pytest.mark.django_db
def test_watch_time_of_all_movies(read: Ask, dune: Movie) -> None:
    heat = Movie.objects.create(slug="heat")
    day = datetime(2026, 11, 20, tzinfo=UTC)
    for movie, seconds in ((dune, 30), (heat, 12)):
        number = int(day.timestamp()) // 900
        MovieQuarter.objects.create(movie=movie, period=number, seconds=seconds, events=1)
        MovieDay.objects.create(movie=movie, period=number // 96, seconds=seconds, events=1)
    window = 'from: "2026-11-19T00:00:00Z", to: "2026-11-22T00:00:00Z"'
    points = read("{ watchTimeSeries(%s) { start totalWatchTime events } }" % window)
    assert points["watchTimeSeries"] == [
        {"start": "2026-11-19T00:00:00+00:00", "totalWatchTime": 0, "events": 0},
        {"start": "2026-11-20T00:00:00+00:00", "totalWatchTime": 42, "events": 2},
        {"start": "2026-11-21T00:00:00+00:00", "totalWatchTime": 0, "events": 0},
    ]
    hours = read(
        """{ watchTimeSeries(from: "2026-11-20T00:00:00Z", to: "2026-11-20T02:00:00Z", interval: HOUR) { events } }"""
    )
    assert hours["watchTimeSeries"] == [{"events": 2}, {"events": 0}]


@pytest.mark.django_db
class TestCompletions:
    def ask(self, read: Ask, bins: int = 4) -> Any:
        fields = "completions(bins: $bins) { start end viewers }"
        query = 'query ($bins: Int) { movieTotalWatchTime(slug: "dune") { %s } }' % fields
        return read(query, bins=bins)["movieTotalWatchTime"]["completions"]

    def test_shares(self, read: Ask, dune: Movie) -> None:
        Movie.objects.filter(pk=dune.pk).update(duration_seconds=100)
        for number, seconds in enumerate((0, 1, 24, 25, 99, 100, 110)):
            viewer = CustomUser.objects.create(username=f"viewer-{number}")
            WatchTime.objects.create(user=viewer, movie=dune, last_moment=110, total=200, unique_seconds=seconds)
        assert self.ask(read) == [
            {"start": 0.0, "end": 0.25, "viewers": 2},
            {"start": 0.25, "end": 0.5, "viewers": 1},
            {"start": 0.5, "end": 0.75, "viewers": 0},
            {"start": 0.75, "end": 1.0, "viewers": 3},
        ]

    def test_without_a_duration(self, read: Ask, watched: WatchTime) -> None:
        assert self.ask(read) == []

    def test_bins(self, refused: Callable[..., str], dune: Movie) -> None:
        query = '{ movieTotalWatchTime(slug: "dune") { completions(bins: %d) { viewers } } }'
        assert refused(query % 0) == refused(query % 101) == "BAD_USER_INPUT"
