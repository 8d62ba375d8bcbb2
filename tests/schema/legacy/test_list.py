"""The ledger by `GET /`, page by page in both directions."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from schema import legacy
from tests.schema.legacy.conftest import refused
from watchtime.models import Event

pytestmark = pytest.mark.django_db
MOST = 10**18 - 1  # in a cursor: more microseconds than there are, and more ids
AT = datetime(2026, 11, 22, 12, 30, 0, 123456, tzinfo=UTC)


def make_event(user, movie, at=60, start=0, minutes=0, **fields):
    moment = AT + timedelta(minutes=minutes)
    return Event.objects.create(
        event_id=uuid4(), user=user, movie=movie, start=start, at=at, occurred_at=moment, received_at=moment, **fields
    )


def cursor(direction, event):
    return (
        f"{direction}.{(event.occurred_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)}.{event.pk}"
    )


class TestList:
    def test_empty(self, client):
        assert client.get("/").json() == {"next": None, "previous": None, "results": []}

    def test_one_event(self, client, ann, heat):
        event = make_event(ann, heat, at=60, start=10)
        assert client.get("/").json()["results"] == [
            {
                "user": "ann",
                "slug": "heat",
                "at": 60,
                "start": 10,
                "id": str(event.event_id),
                "occurred_at": "2026-11-22T12:30:00.123456Z",
                "positional": True,
                "received_at": "2026-11-22T12:30:00.123456Z",
            }
        ]

    def test_an_event_without_a_position(self, client, ann, heat):
        make_event(ann, heat, positional=False)
        assert client.get("/").json()["results"][0]["positional"] is False

    @pytest.fixture
    def ledger(self, ann, heat, monkeypatch):
        monkeypatch.setattr(legacy, "PAGE_SIZE", 10)
        return [str(make_event(ann, heat, minutes=n).event_id) for n in range(25)][::-1]

    def test_there_and_back(self, client, ledger):
        pages, address = [], "/"
        while address:
            pages.append(client.get(address).json())
            address = pages[-1]["next"]
        assert [len(page["results"]) for page in pages] == [10, 10, 5]
        assert [result["id"] for page in pages for result in page["results"]] == ledger
        assert pages[0]["previous"] is None
        assert pages[1]["next"].startswith("http://testserver/?cursor=")

        back = client.get(pages[2]["previous"]).json()
        assert back["results"] == pages[1]["results"]
        first = client.get(back["previous"]).json()
        assert first["results"] == pages[0]["results"]
        assert first["previous"] is None
        assert client.get(first["next"]).json()["results"] == pages[1]["results"]

    def test_new_events_do_not_move_the_pages(self, client, ledger, ann, heat):
        following = client.get("/").json()["next"]
        before = client.get(following).json()
        make_event(ann, heat)
        assert client.get(following).json() == before

    def test_in_the_order_of_watching_not_of_counting(self, client, ann, heat):
        for minutes in (2, 0, 3, 1):
            make_event(ann, heat, at=minutes, minutes=minutes)
        assert [result["at"] for result in client.get("/").json()["results"]] == [3, 2, 1, 0]

    def test_there_and_back_through_what_was_watched_at_one_time(self, client, ledger):
        Event.objects.update(occurred_at=AT)
        first = client.get("/").json()
        last = client.get(client.get(first["next"]).json()["next"]).json()
        assert [result["id"] for result in last["results"]] == ledger[20:]
        assert client.get(client.get(last["previous"]).json()["previous"]).json() == first

    def test_past_the_ends(self, client, ledger):
        oldest, newest = Event.objects.earliest("id"), Event.objects.latest("id")
        below = client.get(f"/?cursor={cursor('older', oldest)}").json()
        assert (below["next"], below["results"]) == (None, [])
        assert client.get(below["previous"]).json()["results"][-1]["id"] == ledger[-1]
        above = client.get(f"/?cursor={cursor('newer', newest)}").json()
        assert (above["previous"], above["results"]) == (None, [])
        assert client.get(above["next"]).json()["results"][0]["id"] == ledger[0]

    def test_past_the_ends_of_time(self, client, ledger):
        for before in (f"older.-{MOST}.0", f"newer.{MOST}.{MOST}"):
            page = client.get(f"/?cursor={before}").json()
            assert page["results"] == []
            assert client.get(page["previous"] or page["next"]).status_code == 200
        assert len(client.get(f"/?cursor=newer.-{MOST}.{MOST}").json()["results"]) == 10
        assert len(client.get(f"/?cursor=older.{MOST}.0").json()["results"]) == 10

    @pytest.mark.parametrize("cursor", ["", "/", "?cursor=newer.0.3"])
    def test_each_page_is_one_query(self, client, ledger, django_assert_num_queries, cursor):
        address = client.get("/").json()["next"] if cursor == "/" else f"/{cursor}"
        with django_assert_num_queries(1) as queries:
            client.get(address)
        assert "OFFSET" not in queries.captured_queries[0]["sql"]

    @pytest.mark.parametrize(
        "cursor",
        [
            *("", "x", "-1", "older", "older.", "older.1", "older.1.", "older.1.1.1", "older-1-1", "9" * 5000),
            *(
                "older.1.-1",
                "newer.1.5.1",
                "newer.1e3.1",
                "older.1.%00",
                "older.%001.1",
                "older.\u0661.1",
                "older.1.1%0a",
            ),
            *(f"older.1.{2**63}", f"older.{2**63}.1", f"older.{'9' * 5000}.1"),
        ],
    )
    def test_malformed_cursor(self, client, cursor):
        assert refused(client.get(f"/?cursor={cursor}")) == ["cursor"]

    def test_two_cursors(self, client):
        assert refused(client.get("/?cursor=older.1.1&cursor=older.2.2")) == ["cursor"]
