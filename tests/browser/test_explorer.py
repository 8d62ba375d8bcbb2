import json
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import pytest
from django.test import RequestFactory
from playwright.sync_api import Page, Route, expect

from schema import explorer
from tests.browser.conftest import VENDOR, Visit

MUTATION = (
    'mutation { publishEvent(event: {user: "zoe", slug: "alien", start: 10, at: 70}) { id userErrors { code } } }'
)
QUERY = '{ userTotalWatchTime(username: "zoe") { username totalWatchTime } }'


def run(page: Page) -> dict[str, Any]:
    """Press the button; return the result that the page shows."""
    with page.expect_response("**/graphql/"):
        page.locator(".graphiql-execute-button").click()
    expect(page.locator(".result-window .graphiql-spinner")).to_have_count(0)
    expect(page.locator(".result-window .CodeMirror-code")).to_contain_text("}")
    shown: dict[str, Any] = json.loads(
        page.locator(".result-window .CodeMirror").evaluate("it => it.CodeMirror.getValue()")
    )
    return shown


def run_until(page: Page, expected: dict[str, Any]) -> None:
    """Press the button until the consumer has counted."""
    for _ in range(50):
        if (shown := run(page)) == expected:
            return
        page.wait_for_timeout(100)
    assert shown == expected


def open_explorer(visit: Visit, service: str) -> Page:
    visit.page.goto(f"{service}/graphql/")
    visit.page.locator(".graphiql-execute-button").wait_for()
    expect(visit.page.get_by_role("tab", name="PublishEvent")).to_be_visible()
    return visit.page


def type_operation(page: Page, text: str) -> None:
    page.locator(".graphiql-tab-add").click()
    page.locator(".graphiql-query-editor .CodeMirror").click()
    page.keyboard.press("Control+A")
    page.keyboard.type(text)
    page.keyboard.press("Escape")  # closes the hints


def test_typed_mutation_and_query(visit: Visit, service: str) -> None:
    page = open_explorer(visit, service)
    type_operation(page, MUTATION)
    answer = run(page)
    assert answer["data"]["publishEvent"]["userErrors"] == []
    assert answer["data"]["publishEvent"]["id"]
    type_operation(page, QUERY)
    run_until(page, {"data": {"userTotalWatchTime": {"username": "zoe", "totalWatchTime": 60}}})
    assert {address.split("/")[2] for address in visit.addresses} == {service.split("/")[2]}


def test_examples(visit: Visit, service: str) -> None:
    page = open_explorer(visit, service)
    first = run(page)["data"]["publishEvent"]
    assert (first["userErrors"], UUID(first["id"]).version) == ([], 7)
    assert run(page)["data"]["publishEvent"] == first, "a second click has the same id, and counts nothing"
    page.get_by_role("tab", name="Totals").click()
    run_until(
        page,
        {
            "data": {
                "userTotalWatchTime": {"username": "ann", "totalWatchTime": 407},
                "movieTotalWatchTime": {"title": "", "slug": "heat", "totalWatchTime": 407},
                "userMovieTotalWatchTime": {"totalWatchTime": 407, "lastMoment": 407},
            }
        },
    )


def test_tools(visit: Visit, service: str) -> None:
    page = open_explorer(visit, service)
    page.get_by_role("tab", name="Totals").click()
    page.get_by_label("Show GraphiQL Explorer").click()
    expect(page.locator(".graphiql-explorer-root")).to_contain_text("userMovieTotalWatchTime")
    page.get_by_label("Show Documentation Explorer").click()
    expect(page.locator(".graphiql-doc-explorer")).to_contain_text("Root Types")
    page.get_by_role("button", name="Headers").click()
    page.locator(".graphiql-editor-tool .CodeMirror:visible").click()
    page.keyboard.insert_text('{"X-Trace": "5"}')
    with page.expect_request(lambda request: request.headers.get("x-trace") == "5"):
        page.locator(".graphiql-execute-button").click()


def test_what_was_typed_outlives_a_reload(visit: Visit, service: str) -> None:
    page = open_explorer(visit, service)
    type_operation(page, QUERY)
    page.wait_for_timeout(1000)  # GraphiQL saves after a pause
    page.reload()
    expect(page.locator(".graphiql-query-editor .CodeMirror-code")).to_contain_text("zoe")


def test_from_the_cdn(visit: Visit, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page of a server without the files works by the CDN's, under a policy and hashes that fit them."""
    monkeypatch.setattr(explorer, "_installed", lambda: False)
    answer = explorer.explorer(RequestFactory().get("/graphql/?cdn"))

    def give_page(route: Route) -> None:
        if route.request.method != "GET":
            return route.continue_()
        return route.fulfill(body=answer.content, headers=dict(answer.items()))

    def give_file(route: Route) -> None:
        package, _, rest = unquote(route.request.url).removeprefix(f"{explorer.CDN}/").rpartition("@")
        path = VENDOR / package / rest.partition("/")[2]
        route.fulfill(path=path, headers={"Access-Control-Allow-Origin": "*"})

    visit.page.route("**/graphql/", give_page)
    visit.page.route(f"{explorer.CDN}/**", give_file)
    page = open_explorer(visit, service)
    expect(page.locator(".notice")).to_contain_text("npm ci --prefix frontend")
    assert run(page)["data"]["publishEvent"]["userErrors"] == []
