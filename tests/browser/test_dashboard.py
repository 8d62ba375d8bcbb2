"""The dashboard in a real browser: what it shows, how it moves, and who can use it."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import services
from tests.browser.conftest import Visit
from tests.processes import (
    Environment,
    address_of,
    environment,
    free_port,
    manage,
    migrate,
    wait_for,
    web_and_consumer,
)

AXE = services.ROOT / "tests" / "clients" / "node_modules" / "axe-core" / "axe.min.js"
CHARTS = services.ROOT / "schema" / "static" / "dashboard" / "vendor" / "uplot"
WIDTHS = [360, 768, 1600]
PUBLISH = "mutation ($event: EventInput!) { publishEvent(event: $event) { userErrors { message } } }"


def ask(service: str, query: str, **variables: Any) -> Any:
    body = json.dumps({"query": query, "variables": variables}).encode()
    with urlopen(Request(f"{service}/graphql/", body, {"Content-Type": "application/json"})) as answer:
        return json.load(answer)["data"]


def publish(service: str, **event: Any) -> None:
    answer = ask(service, PUBLISH, event={"id": str(uuid4()), **event})
    assert answer["publishEvent"]["userErrors"] == []


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Environment]]:
    """Start a service of these tests' own, where nothing was watched; give its address and environment."""
    services.require(CHARTS.exists(), "what `npm ci --prefix frontend` installs")
    database = f"sqlite:///{tmp_path_factory.mktemp('empty') / 'db.sqlite3'}"
    env = environment(DATABASE_URL=database, PORT=str(free_port()))
    migrate(env)
    with web_and_consumer(env):
        yield address_of(env), env


@pytest.fixture(scope="module")
def evening(empty: tuple[str, Environment]) -> str:
    """Give the address of the same service when it has counted an evening, and an event of a viewer's with signs."""
    service, env = empty
    manage(env, "demo", "--viewers", "20", "--seed", "browser")
    publish(service, user="o.dd+1@demo", slug="odd", at=30)
    wait_for(lambda: ask(service, '{ searchMovies(text: "odd") { slug } }')["searchMovies"], 30, "the last event")
    return service


def violations(page: Page) -> list[str]:
    """Return what axe-core calls serious or critical, with the elements."""
    services.require(AXE.exists(), "what `npm ci --prefix tests/clients` installs")
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run().then((results) => results.violations)")
    return [
        f"{each['id']}: {[node['html'] for node in each['nodes']]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def open_at(visit: Visit, address: str, heading: str) -> Page:
    visit.page.goto(address)
    expect(visit.page.get_by_role("heading", level=1)).to_have_text(heading)
    expect(visit.page.locator("main")).not_to_have_attribute("aria-busy", "true")
    return visit.page


def number(page: Page, name: str) -> float:
    return float(page.locator(f"#live-{name}").inner_text())


class TestEmpty:
    """Before all tests of the evening, which is counted by the same service."""

    def test_says_what_to_do_and_fills_by_itself(self, visit: Visit, empty: tuple[str, Environment]) -> None:
        service, _ = empty
        page = open_at(visit, f"{service}/", "Nothing watched yet")
        main = page.get_by_role("main")
        for told in (f"curl -s {service}/graphql/", "import_history", "manage.py demo"):
            expect(main).to_contain_text(told)
        assert violations(page) == []
        publish(service, user="anna", slug="alien", start=60, at=180)
        expect(page.get_by_role("heading", level=1)).to_have_text("Watch time", timeout=3_000)
        expect(page.get_by_role("region", name="Top movies")).to_contain_text("alien")


class TestOverview:
    def test_numbers_lists_and_the_series(self, visit: Visit, evening: str) -> None:
        page = open_at(visit, f"{evening}/", "Watch time")
        expect(page.locator("#live-watchTimeToday")).to_contain_text("h")
        expect(page.locator("#live-messagesWaiting")).to_have_text("0")
        expect(page.locator(".chart canvas")).to_have_count(1)
        movies = page.get_by_role("region", name="Top movies").get_by_role("listitem")
        best = ask(evening, "{ movies(first: 1) { edges { node { title } } } }")["movies"]["edges"][0]["node"]["title"]
        expect(movies.first).to_contain_text(best)
        expect(page.get_by_role("region", name="Top viewers").get_by_role("listitem")).to_have_count(10)
        assert {address.split("/")[2] for address in visit.addresses} == {evening.split("/")[2]}

    def test_moves_within_a_second_of_an_event(self, visit: Visit, evening: str) -> None:
        page = open_at(visit, f"{evening}/", "Watch time")
        expect(page.locator("#live-eventsPerSecond")).to_have_text("0", timeout=10_000)
        publish(evening, user="anna", slug="alien", start=0, at=30)
        expect(page.locator("#live-eventsPerSecond")).not_to_have_text("0", timeout=2_000)
        expect(page.locator("#live-viewersNow")).not_to_have_text("0")

    @pytest.mark.parametrize("window", ["Week", "Month", "Year"])
    def test_windows(self, visit: Visit, evening: str, window: str) -> None:
        page = open_at(visit, f"{evening}/", "Watch time")
        page.get_by_role("radio", name=window).check()
        expect(page.get_by_role("region", name="Top movies")).to_contain_text("Most watched in the last")
        page.get_by_text("Show as a table").click()
        rows = {"Week": 7, "Month": 30, "Year": 12}[window]
        expect(page.get_by_role("table", name="Watch time over time").locator("tbody tr")).to_have_count(rows)
        assert "0 s" not in page.get_by_role("table").locator("tbody tr").last.inner_text()

    def test_nothing_is_asked_while_hidden(self, visit: Visit, evening: str) -> None:
        page = open_at(visit, f"{evening}/", "Watch time")
        page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
        page.wait_for_timeout(1_000)  # for what was asked before
        asked = len(visit.addresses)
        page.wait_for_timeout(2_000)
        assert len(visit.addresses) == asked
        page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
        with page.expect_request("**/graphql/"):
            pass


class TestMovie:
    def test_curve_moments_completion_and_viewers(self, visit: Visit, evening: str) -> None:
        slug = ask(evening, "{ movies(first: 1) { edges { node { slug title } } } }")["movies"]["edges"][0]["node"]
        page = open_at(visit, f"{evening}/#/movie/{slug['slug']}", slug["title"])
        expect(page.locator(".chart canvas")).to_have_count(3)
        expect(page.get_by_role("img", name="Retention.")).to_be_visible()
        expect(page.get_by_role("heading", name="Most replayed moments")).to_be_visible()
        expect(page.get_by_role("region", name="How far viewers got").first).to_contain_text("share of the movie")
        strips = page.get_by_role("table", name="Viewers of this movie").get_by_role("img")
        assert strips.first.get_attribute("aria-label").startswith("Watched 0:00 to")

    def test_most_replayed_moments(self, visit: Visit, evening: str) -> None:
        """One viewer more, who goes back to the same half a minute again and again."""
        for _ in range(12):
            publish(evening, user="fan", slug="replayed", start=600, at=630)
        publish(evening, user="fan", slug="replayed", start=0, at=3_600)
        pair = '{ userMovieTotalWatchTime(username: "fan", movieSlug: "replayed") { totalWatchTime } }'
        wait_for(lambda: (ask(evening, pair)["userMovieTotalWatchTime"] or {}).get("totalWatchTime") == 3_960, 10, "it")
        page = open_at(visit, f"{evening}/#/movie/replayed", "replayed")
        expect(page.locator(".moments li")).to_have_count(1)
        expect(page.locator(".moments li")).to_have_text("10:12 to 10:30: watched again 12 times")
        expect(page.get_by_role("main")).to_contain_text("The length of this movie is not known")

    def test_unknown(self, visit: Visit, evening: str) -> None:
        page = open_at(visit, f"{evening}/#/movie/no-such", "Unknown movie")
        expect(page.get_by_role("main")).to_contain_text("no-such")


class TestViewer:
    def test_coverage_and_what_to_continue(self, visit: Visit, evening: str) -> None:
        publish(evening, user="nora", slug="heat", start=0, at=600)
        publish(evening, user="nora", slug="heat", start=1_200, at=1_800)
        pair = '{ userMovieTotalWatchTime(username: "nora", movieSlug: "heat") { totalWatchTime } }'
        wait_for(lambda: (ask(evening, pair)["userMovieTotalWatchTime"] or {}).get("totalWatchTime") == 1_200, 10, "it")
        page = open_at(visit, f"{evening}/#/viewer/nora", "nora")
        expect(page.get_by_role("region", name="Continue watching")).to_contain_text("from 30:00")
        strip = page.get_by_role("table", name="What nora watched").get_by_role("img")
        label = strip.get_attribute("aria-label")
        assert label.startswith("Watched 0:00 to 10:00, 20:00 to 30:00 of 2:50:00"), label
        assert strip.locator("rect").count() == 2

    def test_a_name_with_signs_in_it(self, visit: Visit, evening: str) -> None:
        page = open_at(visit, f"{evening}/#/viewer/o.dd%2B1%40demo", "o.dd+1@demo")
        page.get_by_role("link", name="odd").first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("odd")
        page.get_by_role("link", name="o.dd+1@demo").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("o.dd+1@demo")
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("odd")


class TestSearch:
    def test_by_keyboard(self, visit: Visit, evening: str) -> None:
        page = open_at(visit, f"{evening}/", "Watch time")
        box = page.get_by_role("combobox", name="Search movies and viewers")
        box.focus()
        page.keyboard.type("odd")
        options = page.get_by_role("option")
        expect(options).to_have_text(["oddMovie"])
        expect(box).to_have_attribute("aria-expanded", "true")
        page.keyboard.press("ArrowDown")
        expect(options.first).to_have_attribute("aria-selected", "true")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("odd")
        expect(page.get_by_role("heading", level=1)).to_be_focused()

    def test_by_mouse_and_away_again(self, visit: Visit, evening: str) -> None:
        page = open_at(visit, f"{evening}/", "Watch time")
        page.get_by_role("combobox").fill("O.DD")
        page.get_by_role("option", name="o.dd+1@demo").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("o.dd+1@demo")
        page.get_by_role("combobox").fill("nobody is called so")
        expect(page.get_by_role("search").get_by_role("status")).to_have_text("Nothing found")
        page.keyboard.press("Escape")
        expect(page.get_by_role("listbox")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", ["/", "/#/movie/alien", "/#/viewer/anna@demo", "/#/movie/no-such"])
def test_fits_every_screen_and_everybody(browser: Browser, evening: str, address: str, scheme: Any) -> None:
    """No width makes the page scroll sideways, and axe-core finds nothing serious."""
    context = browser.new_context(viewport={"width": WIDTHS[0], "height": 800}, color_scheme=scheme)
    visit = Visit(context.new_page())
    page = visit.page
    page.goto(f"{evening}{address}")
    expect(page.locator("#page-body > *").first).to_be_visible()
    page.wait_for_load_state("load")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    for summary in page.get_by_text("Show as a table").all():
        summary.click()
    assert violations(page) == []
    context.close()
    assert visit.complaints == []


def test_everything_is_reached_by_keyboard(visit: Visit, evening: str) -> None:
    page = open_at(visit, f"{evening}/", "Watch time")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("radio", name="Day")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Week")).to_be_checked()
    expect(page.get_by_role("region", name="Top movies")).to_contain_text("the last 7 days")


def test_without_the_charts_there_are_tables(visit: Visit, evening: str) -> None:
    visit.page.route("**/uPlot.iife.min.js", lambda route: route.fulfill(body=""))
    page = open_at(visit, f"{evening}/", "Watch time")
    expect(page.get_by_role("table", name="Watch time over time").locator("tbody tr")).to_have_count(24)


class TestAway:
    def test_says_so_and_recovers(self, browser: Browser, evening: str) -> None:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{evening}/")
        expect(page.locator("#live-viewersNow")).to_be_visible()
        context.set_offline(True)
        notice = page.get_by_role("alert")
        expect(notice).to_contain_text("The service does not answer")
        context.set_offline(False)
        expect(notice).to_be_hidden(timeout=10_000)
        context.close()

    def test_from_the_start(self, visit: Visit, evening: str) -> None:
        visit.page.route("**/graphql/", lambda route: route.fulfill(status=503, body="{}"))
        visit.page.goto(f"{evening}/")
        expect(visit.page.get_by_role("alert")).to_contain_text("The service does not answer")
        visit.page.unroute("**/graphql/")
        expect(visit.page.locator("#live-viewersNow")).to_be_visible(timeout=8_000)
        expect(visit.page.get_by_role("alert")).to_be_hidden()
        visit.complaints.clear()  # the browser logs each 503


def test_who_may_not_read_is_asked_to_sign_in(visit: Visit, evening: str) -> None:
    visit.page.route("**/graphql/", lambda route: route.fulfill(json={"data": {"live": None}}))
    page = open_at(visit, f"{evening}/", "Watch time")
    expect(page.get_by_role("main")).to_contain_text("Sign in to see what is watched")
    expect(page.get_by_role("main").get_by_role("link", name="Sign in")).to_have_attribute(
        "href", "/admin/login/?next=/"
    )
    assert violations(page) == []
