import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError
from django.test import Client

from broker import BrokerError, BrokerUnavailable
from broker.models import Message
from schema import legacy
from watchtime.events import WatchEvent
from watchtime.models import CustomUser, Event, Movie, WatchTime

pytestmark = pytest.mark.django_db
GOOD = {"user": "ann", "slug": "heat", "at": 407}
ID = "0192f4a0-7d3e-7c11-9d60-3a2b6f0c1d2e"
JSON = "application/json"
URLENCODED = "application/x-www-form-urlencoded"
MOST = 10**18 - 1  # in a cursor: more microseconds than there are, and more ids
AT = datetime(2026, 11, 22, 12, 30, 0, 123456, tzinfo=UTC)


def published():
    return [WatchEvent.decode(bytes(message.body)) for message in Message.objects.order_by("id")]


def post(client, body, content_type=JSON, **headers):
    return client.generic("POST", "/", body, content_type=content_type, **headers)


def refused(response):
    """Return the fields that a refusal names, after checking its form and that nothing was published."""
    assert response.status_code == 400, response.content
    body = response.json()
    assert body["detail"] == "Invalid data"
    assert all(set(error) == {"field", "message"} and error["message"] for error in body["errors"])
    assert not Message.objects.exists()
    return [error["field"] for error in body["errors"]]


def make_event(user, movie, at=60, start=0, minutes=0):
    moment = AT + timedelta(minutes=minutes)
    return Event.objects.create(
        event_id=uuid4(), user=user, movie=movie, start=start, at=at, occurred_at=moment, received_at=moment
    )


def cursor(direction, event):
    return (
        f"{direction}.{(event.occurred_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)}.{event.pk}"
    )


@pytest.fixture
def ann():
    return CustomUser.objects.create(username="ann", total_watch_time=2**40)


@pytest.fixture
def heat():
    return Movie.objects.create(slug="heat", title="Heat", total_watch_time=2**41)


class TestPost:
    def test_json(self, client):
        response = post(client, json.dumps(GOOD))
        assert (response.status_code, response.json()) == (200, "ok")
        assert response["Content-Type"] == JSON
        (event,) = published()
        assert event.content == ("ann", "heat", 0, 407)

    @pytest.mark.parametrize("send", ["urlencoded", "multipart"])
    def test_forms(self, client, send):
        fields = {"user": "ann", "slug": "heat", "at": "407", "start": "7", "unknown": "x"}
        content_type = {} if send == "multipart" else {"content_type": URLENCODED}
        body = fields if send == "multipart" else "user=ann&slug=heat&at=407&start=7&unknown=x"
        assert client.post("/", body, **content_type).status_code == 200
        assert published()[0].content == ("ann", "heat", 7, 407)

    def test_every_field(self, client):
        body = GOOD | {"start": 400, "id": ID, "occurred_at": "2026-11-22T14:30:00.123456+02:00"}
        assert post(client, json.dumps(body)).status_code == 200
        assert published() == [WatchEvent(user="ann", slug="heat", at=407, start=400, id=UUID(ID), occurred_at=AT)]

    @pytest.mark.parametrize("at", ["407", "0407"])
    def test_digits_are_taken_for_a_number(self, client, at):
        assert post(client, json.dumps(GOOD | {"at": at, "start": "0"})).status_code == 200
        assert published()[0].at == 407

    def test_unknown_fields_are_left_out(self, client):
        assert post(client, json.dumps(GOOD | {"player": {"name": "web"}, "\ud800": None})).status_code == 200
        assert len(published()) == 1

    def test_json_with_a_charset(self, client):
        assert post(client, json.dumps(GOOD), "application/json; charset=utf-8").status_code == 200

    def test_no_csrf_token_asked_for(self):
        client = Client(enforce_csrf_checks=True)
        assert post(client, json.dumps(GOOD)).status_code == 200
        assert client.post("/", GOOD).status_code == 200

    def test_query_count(self, client, django_assert_num_queries):
        post(client, json.dumps(GOOD))  # opens the broker
        with django_assert_num_queries(3):  # one INSERT, in its savepoint
            post(client, json.dumps(GOOD))


class TestBadInput:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("at", True),
            ("at", 407.5),
            ("at", 407.0),
            ("at", float("nan")),
            ("at", float("inf")),
            ("at", 2**63),
            ("at", 2**64),
            ("at", -1),
            ("at", 86_401),
            ("at", None),
            ("at", []),
            ("at", "abc"),
            ("at", ""),
            ("at", "407.5"),
            ("at", "-1"),
            ("at", " 407"),
            ("at", "\u0664\u0660\u0667"),
            ("at", "9" * 5000),
            ("start", 408),
            ("start", "408"),
            ("start", None),
            ("start", True),
            ("user", ""),
            ("user", "a" * 101),
            ("user", "ann lee"),
            ("user", "ann\0"),
            ("user", "ann\ud800"),
            ("user", "ann/heat"),
            ("user", "ann\n"),
            ("user", 5),
            ("slug", ""),
            ("slug", "a" * 51),
            ("slug", "a/b"),
            ("slug", "h\u00e9at"),
            ("slug", "heat\n"),
            ("slug", 5),
            ("id", "5"),
            ("id", 5),
            ("id", None),
            ("occurred_at", "yesterday"),
            ("occurred_at", "2026-11-22T12:30:00"),
            ("occurred_at", 1_700_000_000),
        ],
    )
    def test_names_the_field(self, client, field, value):
        assert refused(post(client, json.dumps(GOOD | {field: value}))) == [field]

    @pytest.mark.parametrize("field", ["user", "slug", "at"])
    def test_missing_field(self, client, field):
        assert refused(post(client, json.dumps({name: GOOD[name] for name in GOOD if name != field}))) == [field]

    @pytest.mark.parametrize("literal", ["9" * 5000, "-" + "9" * 5000, "NaN", "-Infinity", "1e400", "407e0", "1e1"])
    def test_number_literals(self, client, literal):
        assert refused(post(client, f'{{"user": "ann", "slug": "heat", "at": {literal}}}')) == ["at"]

    @pytest.mark.parametrize("content_type", [JSON, URLENCODED, "multipart/form-data; boundary=x", ""])
    def test_empty_body(self, client, content_type):
        assert refused(post(client, b"", content_type))[-3:] in (["user", "slug", "at"], ["event"])

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"null",
            b'"ok"',
            b"5",
            b"true",
            b"[]",
            b'[{"user": "ann", "slug": "heat", "at": 407}]',
            b'{"user": "ann", "slug": "heat", "at": 407} {}',
            b'{"user": "ann\xff", "slug": "heat", "at": 407}',
            b"\xff\xfe",
            json.dumps(GOOD).encode("utf-16"),
            b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b'{"user": "ann", "slug": "heat", "at": 407, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            b'{"user": "ann", "slug": "heat", "at": 0407}',
        ],
        ids=range(16),
    )
    def test_no_event_at_all(self, client, body):
        assert refused(post(client, body)) == ["event"]

    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            (b"user=ann", "multipart/form-data"),
            (b"user=ann", "multipart/form-data; boundary=" + "x" * 300),
            (b"--x\r\nContent-Disposition: form-data", "multipart/form-data; boundary=x"),
            (b"&".join(b"a%d=1" % n for n in range(2000)), URLENCODED),
            (b"user=ann&slug=heat&at=407", f"{URLENCODED}; charset=latin-1"),
            (b"user=ann%00&slug=heat&at=407", URLENCODED),
            (b"user=%ff&slug=heat&at=407", URLENCODED),
            (b"user=ann&slug=heat&at=true", URLENCODED),
            (b"user=ann&slug=heat&at=", URLENCODED),
            (b"", URLENCODED),
        ],
        ids=range(10),
    )
    def test_forms(self, client, body, content_type):
        assert set(refused(post(client, body, content_type))) <= {"event", "user", "slug", "at"}

    def test_file_in_place_of_a_field(self, client, tmp_path):
        path = tmp_path / "at"
        path.write_text("407")
        with path.open("rb") as file:
            assert refused(client.post("/", GOOD | {"at": file})) == ["at"]

    @pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/jsonp", "nonsense"])
    def test_other_content_types(self, client, content_type):
        response = post(client, json.dumps(GOOD), content_type)
        assert (response.status_code, set(response.json())) == (415, {"detail"})
        assert not Message.objects.exists()

    def test_body_in_chunks(self, client):
        response = post(client, json.dumps(GOOD), headers={"Transfer-Encoding": "chunked"})
        assert (response.status_code, response.json()) == (411, {"detail": "Send a Content-Length"})

    @pytest.mark.parametrize("content_type", [JSON, URLENCODED, "multipart/form-data; boundary=x", "text/plain"])
    def test_body_of_10_megabytes(self, client, content_type):
        response = post(client, b" " * 10_000_000, content_type)
        assert (response.status_code, response.json()) == (413, {"detail": "The body is too large"})


class TestBrokerDown:
    @pytest.mark.parametrize("error", [BrokerError("no"), BrokerUnavailable("gone")])
    def test_503_gives_the_id_to_repeat(self, client, monkeypatch, error):
        def fail(self, messages):
            raise error

        monkeypatch.setattr("broker.database.DatabaseBroker.publish", fail)
        response = post(client, json.dumps(GOOD | {"id": ID}))
        assert response.status_code == 503
        assert response.json()["id"] == ID
        assert "again" in response.json()["detail"]
        assert response["Retry-After"] == "1"

    def test_minted_id_is_told(self, client, monkeypatch):
        monkeypatch.setattr("broker.database.DatabaseBroker.publish", lambda *_: (_ for _ in ()).throw(BrokerError()))
        assert UUID(post(client, json.dumps(GOOD)).json()["id"]).version == 7


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
                "received_at": "2026-11-22T12:30:00.123456Z",
            }
        ]

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


class TestTotals:
    def test_user(self, client, ann, django_assert_num_queries):
        with django_assert_num_queries(1):
            response = client.get("/users/ann/total-watch-time/")
        assert response.json() == {"username": "ann", "total_watch_time": 2**40}

    def test_movie(self, client, heat, django_assert_num_queries):
        with django_assert_num_queries(1):
            response = client.get(f"/movies/{heat.pk}/total-watch-time/")
        assert response.json() == {"title": "Heat", "slug": "heat", "total_watch_time": 2**41}

    def test_pair(self, client, ann, heat, django_assert_num_queries):
        WatchTime.objects.create(user=ann, movie=heat, last_moment=60, total=2**39)
        with django_assert_num_queries(1):
            response = client.get(f"/ann/{heat.pk}/total-watch-time/")
        assert response.json() == {"get_total_watch_time_per_user_movie": 2**39}

    def test_nothing_watched_is_0(self, client, ann, heat, django_assert_num_queries):
        with django_assert_num_queries(3):
            response = client.get(f"/ann/{heat.pk}/total-watch-time/")
        assert response.json() == {"get_total_watch_time_per_user_movie": 0}
        CustomUser.objects.create(username="new")
        assert client.get("/users/new/total-watch-time/").json()["total_watch_time"] == 0

    def test_largest_total(self, client):
        CustomUser.objects.create(username="max", total_watch_time=2**63 - 1)
        assert b"9223372036854775807" in client.get("/users/max/total-watch-time/").content

    def test_unknown(self, client, ann, heat):
        for path in ("users/bob", f"movies/{heat.pk + 1}", f"bob/{heat.pk}", f"ann/{heat.pk + 1}"):
            response = client.get(f"/{path}/total-watch-time/")
            assert (response.status_code, set(response.json())) == (404, {"detail"})

    @pytest.mark.parametrize(
        "pk", ["x", "0", "-1", "1.0", "+1", "1_0", "%201", str(2**63), "9" * 5000, "\u0661", "heat", "%00"]
    )
    def test_pk_that_is_none(self, client, ann, heat, pk):
        for path in (f"/movies/{pk}/total-watch-time/", f"/ann/{pk}/total-watch-time/"):
            response = client.get(path)
            assert (response.status_code, response["Content-Type"]) == (404, JSON)

    @pytest.mark.parametrize("username", ["%00", "a" * 101, "a%20b", "%ff", "%ed%a0%80", "a%0a", "%F0%9F%98%80"])
    def test_username_that_is_none(self, client, heat, username):
        for path in (f"/users/{username}/total-watch-time/", f"/{username}/{heat.pk}/total-watch-time/"):
            response = client.get(path)
            assert (response.status_code, response["Content-Type"]) == (404, JSON)

    @pytest.mark.parametrize("username", ["a@b.org", "a+b", "a-b_c.d", "Zo\u00eb", "\u5f20\u4f1f", "5", "a" * 100])
    def test_usernames_in_paths(self, client, heat, username):
        user = CustomUser.objects.create(username=username, total_watch_time=5)
        WatchTime.objects.create(user=user, movie=heat, last_moment=5, total=5)
        name = quote(username)
        assert client.get(f"/users/{name}/total-watch-time/").json() == {"username": username, "total_watch_time": 5}
        pair = client.get(f"/{name}/{heat.pk}/total-watch-time/")
        assert pair.json() == {"get_total_watch_time_per_user_movie": 5}

    def test_fixed_paths_come_first(self, client, heat):
        for username in ("users", "movies", str(heat.pk)):
            user = CustomUser.objects.create(username=username, total_watch_time=7)
            WatchTime.objects.create(user=user, movie=heat, last_moment=5, total=5)
        users = client.get(f"/users/{heat.pk}/total-watch-time/").json()
        assert users == {"username": str(heat.pk), "total_watch_time": 7}
        assert client.get(f"/movies/{heat.pk}/total-watch-time/").json()["slug"] == "heat"
        for username in ("users", "movies"):
            total = client.get(f"/users/{username}/total-watch-time/").json()
            assert total == {"username": username, "total_watch_time": 7}


class TestHttp:
    PATHS = ("/", "/users/ann/total-watch-time/", "/movies/1/total-watch-time/", "/ann/1/total-watch-time/")

    @pytest.mark.parametrize("path", [*PATHS, "/swagger.json", "/swagger/"])
    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
    def test_wrong_method(self, client, path, method):
        response = client.generic(method, path)
        assert (response.status_code, response["Content-Type"]) == (405, JSON)
        assert response["Allow"] == ("GET, HEAD, OPTIONS, POST" if path == "/" else "GET, HEAD, OPTIONS")

    @pytest.mark.parametrize("path", PATHS)
    def test_options(self, client, path):
        response = client.options(path)
        assert (response.status_code, response.content) == (204, b"")
        assert "GET" in response["Allow"]

    def test_head(self, client, ann):
        head, get = client.head("/users/ann/total-watch-time/"), client.get("/users/ann/total-watch-time/")
        assert (head.status_code, head.content) == (200, b"")
        assert head["Content-Type"] == get["Content-Type"] == "application/json; charset=utf-8"
        assert client.head("/users/bob/total-watch-time/").status_code == 404

    def test_no_such_path(self, client):
        response = client.get("/no/such/path")
        assert (response.status_code, response.json()) == (404, {"detail": "Not found"})

    def test_database_down(self, client, monkeypatch):
        def fail(*args):
            raise OperationalError("connection refused, password=secret")

        monkeypatch.setattr("watchtime.totals.user_total", fail)
        response = client.get("/users/ann/total-watch-time/")
        assert response.status_code == 503
        assert b"secret" not in response.content


class TestDocument:
    def test_schema_names(self, client):
        document = client.get("/swagger.json").json()
        assert {
            "EventSerializer",
            "UserTotalWatchTimeSerializer",
            "MovieTotalWatchTimeSerializer",
            "UserMovieTotalWatchTimeSerializer",
        } <= set(document["components"]["schemas"])
        assert list(document["paths"]) == [
            "/",
            "/users/{username}/total-watch-time/",
            "/movies/{pk}/total-watch-time/",
            "/{username}/{movie_pk}/total-watch-time/",
        ]

    def test_statuses(self, client):
        operations = client.get("/swagger.json").json()["paths"]
        assert set(operations["/"]["post"]["responses"]) == {"200", "400", "411", "413", "415", "503"}
        assert set(operations["/"]["get"]["responses"]) == {"200", "400", "503"}
        for path in list(operations)[1:]:
            assert set(operations[path]) == {"get"}
            assert set(operations[path]["get"]["responses"]) == {"200", "404", "503"}

    def test_event_fields(self, client):
        event = client.get("/swagger.json").json()["components"]["schemas"]["EventSerializer"]
        assert set(event["required"]) == {"user", "slug", "at", "received_at"}
        assert event["properties"]["received_at"]["readOnly"]
        assert set(event["properties"]) == {*WatchEvent.model_fields, "received_at"}

    def test_page_has_no_other_host(self, client):
        response = client.get("/swagger/")
        page = response.content.decode()
        assert "://" not in page
        assert '"validatorUrl": null' in page
        assert "script-src 'self';" in response["Content-Security-Policy"]
