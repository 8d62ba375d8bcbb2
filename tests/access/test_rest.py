"""Who may do what at the old paths."""

import base64
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.access.conftest import PASSWORD, Login, basic, bearer
from tests.access.tokens import sign, wrong
from tests.factories import event
from watchtime.fold import fold
from watchtime.models import Movie

pytestmark = pytest.mark.django_db(transaction=True)
EVENT = {"user": "anna", "slug": "alien", "at": 60}


@pytest.fixture
def watched() -> None:
    fold([event(), event(user="bert", at=70)])


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the viewers whose events were published."""
    users: list[str] = []
    monkeypatch.setattr("schema.legacy.publish", lambda events: users.extend(event.user for event in events))
    return users


def post(client: Client, headers: dict[str, str], **fields: Any) -> int:
    return client.post("/", {**EVENT, **fields}, content_type="application/json", headers=headers).status_code


def answers(client: Client, headers: dict[str, str]) -> list[int]:
    """Return the statuses of the reads: the list, a viewer, another, a movie, the pairs of both."""
    pk = Movie.objects.get().pk
    paths = (
        "/",
        *(f"/users/{name}/total-watch-time/" for name in ("anna", "bert")),
        f"/movies/{pk}/total-watch-time/",
        *(f"/{name}/{pk}/total-watch-time/" for name in ("anna", "bert")),
    )
    return [client.get(path, headers=headers).status_code for path in paths]


@pytest.mark.usefixtures("watched")
class TestReads:
    def test_anonymous(self, client: Client, settings: Settings) -> None:
        assert answers(client, {}) == [401] * 6
        settings.ALLOW_ANONYMOUS = True
        assert answers(client, {}) == [200] * 6

    @pytest.mark.parametrize(
        ("scope", "expected"),
        [
            ("totals:read", [200] * 6),
            ("events:publish totals:read", [200] * 6),
            ("events:publish", [403, 404, 404, 404, 404, 404]),
            ("viewer", [403, 200, 404, 200, 200, 404]),
            ("viewer events:publish:own", [403, 200, 404, 200, 200, 404]),
            ("", [403, 404, 404, 404, 404, 404]),
        ],
    )
    def test_token(self, client: Client, scope: str, expected: list[int]) -> None:
        assert answers(client, bearer(scope, "anna")) == expected

    def test_password(self, client: Client, account: Login) -> None:
        account("old", "read_totals")
        account("none")
        account("root", is_superuser=True, is_staff=True)
        assert answers(client, basic("old")) == [200] * 6
        assert answers(client, basic("none")) == [403, 404, 404, 404, 404, 404]
        assert answers(client, basic("root")) == [200] * 6

    def test_session(self, client: Client, account: Login) -> None:
        client.force_login(account("old", "read_totals"), "django.contrib.auth.backends.ModelBackend")
        assert answers(client, {}) == [200] * 6
        client.logout()
        assert answers(client, {}) == [401] * 6

    def test_forbidden_is_like_unknown(self, client: Client) -> None:
        pk = Movie.objects.get().pk
        for headers in ({}, bearer("viewer", "anna"), bearer("events:publish")):
            for path in ("/users/{}/total-watch-time/", f"/{{}}/{pk}/total-watch-time/"):
                other, unknown = (client.get(path.format(name), headers=headers) for name in ("bert", "nobody"))
                assert (other.status_code, other.content) == (unknown.status_code, unknown.content)
                of_its_own = {"X-Request-ID": ""}
                assert {**other.headers, **of_its_own} == {**unknown.headers, **of_its_own}
        hidden, unknown = (
            client.get(f"/movies/{movie}/total-watch-time/", headers=bearer("events:publish")) for movie in (pk, 999)
        )
        assert (hidden.status_code, hidden.content) == (unknown.status_code, unknown.content)

    def test_no_query_for_a_token(self, client: Client, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(1):
            assert client.get("/users/anna/total-watch-time/", headers=bearer("totals:read")).status_code == 200
        with django_assert_num_queries(0):
            assert client.get("/users/bert/total-watch-time/", headers=bearer("viewer", "anna")).status_code == 404


class TestPublish:
    @pytest.mark.parametrize(
        ("scope", "own", "other"),
        [
            ("events:publish", 200, 200),
            ("viewer events:publish:own", 200, 403),
            ("viewer", 403, 403),
            ("events:publish:own", 403, 403),
            ("totals:read", 403, 403),
        ],
    )
    def test_token(self, client: Client, published: list[str], scope: str, own: int, other: int) -> None:
        headers = bearer(scope, "anna")
        assert post(client, headers) == own
        assert post(client, headers, user="bert") == other
        assert published == ["anna"] * (own == 200) + ["bert"] * (other == 200)

    def test_anonymous(self, client: Client, published: list[str], settings: Settings) -> None:
        assert post(client, {}) == 401
        settings.ALLOW_ANONYMOUS = True
        assert post(client, {}) == 200
        assert published == ["anna"]

    def test_password(self, client: Client, account: Login, published: list[str]) -> None:
        account("old", "publish_event")
        account("reader", "read_totals")
        assert post(client, basic("old")) == 200
        assert post(client, basic("reader")) == 403
        assert published == ["anna"]


@pytest.mark.usefixtures("watched")
class TestRefused:
    @pytest.mark.any_database
    @pytest.mark.parametrize("way", dict(wrong()))
    def test_wrong_tokens(self, client: Client, settings: Settings, way: str, published: list[str]) -> None:
        """Neither taken for a caller nor, where anonymous ones may do it all, for an anonymous one."""
        token = dict(wrong())[way]
        for settings.ALLOW_ANONYMOUS in (False, True):
            for scheme in ("Bearer", "bearer", "BEARER "):
                headers = {"Authorization": f"{scheme} {token}"}
                response = client.get("/users/anna/total-watch-time/", headers=headers)
                assert response.status_code == 401
                assert "Bearer" in response["WWW-Authenticate"]
                assert post(client, headers) == 401
        assert published == []

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "Bearer",
            "Basic",
            "Digest username=anna",
            "Negotiate abc",
            "anna:secret",
            "Basic !!!!",
            "Basic " + base64.b64encode(b"no colon").decode(),
            "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
            "Basic " + base64.b64encode(b":empty name").decode(),
            "Basic " + base64.b64encode(b"a\0b:x").decode(),
            "Basic " + base64.b64encode(b"a\r\nroot logged in:x").decode(),
            "Basic " + base64.b64encode(b"x" * 151 + b":x").decode(),
            "Basic " + base64.b64encode(b"a:" + b"x" * 5_000).decode(),
            "Basic " + base64.b64encode(b"nobody:" + PASSWORD.encode()).decode(),
        ],
    )
    def test_wrong_headers(self, client: Client, settings: Settings, value: str) -> None:
        settings.ALLOW_ANONYMOUS = True
        response = client.get("/", headers={"Authorization": value})
        assert response.status_code == 401
        assert "Basic" in response["WWW-Authenticate"]

    def test_all_wrong_credentials_have_one_answer(self, client: Client, account: Login) -> None:
        account("old", "read_totals")
        account("gone", "read_totals", is_active=False)
        headers = [
            basic("old", "wrong"),
            basic("nobody"),
            basic("gone"),
            {"Authorization": f"Bearer {sign(exp=1)}"},
            {"Authorization": "Bearer x"},
        ]
        bodies = {client.get("/", headers=each).content for each in headers}
        assert bodies == {b'{"detail": "The credentials are not valid."}'}


class TestOtherSites:
    FORM = "user=anna&slug=alien&at=60"

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://testserver.evil.example"},
            {"Origin": "https://testserver"},
            {"Origin": "http://testserver:8080"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ],
    )
    @pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "application/json", "text/plain"])
    def test_a_page_publishes_nothing(
        self,
        client: Client,
        account: Login,
        settings: Settings,
        published: list[str],
        headers: dict[str, str],
        content_type: str,
    ) -> None:
        settings.ALLOW_ANONYMOUS = True
        account("old", "publish_event")
        anonymous = [{}] if content_type != "application/json" else []  # for JSON, browsers ask first
        for credentials in (*anonymous, basic("old")):
            response = client.post("/", self.FORM, content_type=content_type, headers={**headers, **credentials})
            assert response.status_code == 403
        assert published == []

    @pytest.mark.parametrize("headers", [{}, {"Origin": "http://testserver"}, {"Sec-Fetch-Site": "same-origin"}])
    def test_programs_and_own_pages_do(
        self, client: Client, settings: Settings, published: list[str], headers: dict[str, str]
    ) -> None:
        settings.ALLOW_ANONYMOUS = True
        form = "application/x-www-form-urlencoded"
        assert client.post("/", self.FORM, content_type=form, headers=headers).status_code == 200
        assert published == ["anna"]

    def test_listed_origins_do(self, client: Client, settings: Settings, published: list[str]) -> None:
        settings.CORS_ALLOWED_ORIGINS = ["https://player.example"]
        headers = {"Origin": "https://player.example"}
        assert post(client, {**headers, **bearer("events:publish")}) == 200

    def test_a_token_is_no_cookie(self, client: Client, published: list[str]) -> None:
        assert post(client, {"Origin": "https://evil.example", **bearer("events:publish")}) == 200

    def test_a_session_needs_its_csrf_token(self, account: Login, published: list[str]) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(account("old", "publish_event"), "django.contrib.auth.backends.ModelBackend")
        assert post(client, {}) == 403
        client.cookies["csrftoken"] = token = "a" * 32
        assert post(client, {"X-CSRFToken": "b" * 32}) == 403
        assert post(client, {"X-CSRFToken": token, "Origin": "https://evil.example"}) == 403
        assert published == []
        assert post(client, {"X-CSRFToken": token}) == 200
        assert published == ["anna"]


class TestLimits:
    def test_events(self, client: Client, settings: Settings, published: list[str]) -> None:
        settings.RATE_LIMIT_EVENTS = 18  # three in each window
        statuses = {post(client, bearer("events:publish")) for _ in range(8)}
        assert statuses == {200, 429}
        response = client.post("/", EVENT, content_type="application/json", headers=bearer("events:publish"))
        assert 1 <= int(response["Retry-After"]) <= 10
        assert post(client, bearer("events:publish", "another")) == 200

    def test_operations(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_COST = 6 * 1_000  # two totals in each window
        path, headers = "/users/nobody/total-watch-time/", bearer("totals:read")
        assert {client.get(path, headers=headers).status_code for _ in range(6)} == {404, 429}
        assert client.get(path, headers=bearer("totals:read", "another")).status_code == 404


def test_answers_are_kept_out_of_caches(client: Client) -> None:
    for path in ("/", "/users/anna/total-watch-time/", "/no/such/path", "/swagger.json", "/admin/login/"):
        assert "no-store" in client.get(path, headers=bearer("totals:read"))["Cache-Control"]


def test_the_document_says_how_to_be_known(client: Client) -> None:
    document = client.get("/swagger.json").json()
    assert {scheme["scheme"] for scheme in document["components"]["securitySchemes"].values()} == {"bearer", "basic"}
    named = {name for requirement in document["security"] for name in requirement}
    assert named == set(document["components"]["securitySchemes"])
