from playwright.sync_api import expect

from tests.browser.conftest import Visit


def test_sends_an_event(visit: Visit, service: str) -> None:
    page = visit.page
    page.goto(f"{service}/swagger/")
    page.locator(".opblock-post").click()
    page.get_by_role("button", name="Try it out").click()
    page.locator(".body-param__text").fill('{"user": "kim", "slug": "heat", "at": "407"}')
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")
    assert {address.split("/")[2] for address in visit.addresses if "://" in address} == {service.split("/")[2]}
