"""Methods, unknown paths, a database that is away; and the OpenAPI document."""

import pytest
from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError
from ninja import NinjaAPI

from project import __version__
from tests.schema.legacy.conftest import JSON
from watchtime.events import WatchEvent

pytestmark = pytest.mark.django_db


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

    @pytest.mark.parametrize("path", PATHS[1:])
    def test_without_the_last_slash(self, client, ann, heat, settings, path):
        settings.DEBUG = True
        path = path.replace("1", str(heat.pk)).removesuffix("/")
        assert client.get(path).json() == client.get(f"{path}/").json()
        assert client.get(path).status_code == 200
        response = client.post(path, {})
        assert (response.status_code, response["Content-Type"]) == (405, JSON)

    def test_head(self, client, ann):
        head, get = client.head("/users/ann/total-watch-time/"), client.get("/users/ann/total-watch-time/")
        assert (head.status_code, head.content) == (200, b"")
        assert head["Content-Type"] == get["Content-Type"] == "application/json; charset=utf-8"
        assert client.head("/users/bob/total-watch-time/").status_code == 404

    def test_no_such_path(self, client):
        response = client.get("/no/such/path")
        assert (response.status_code, response.json()) == (404, {"detail": "Not found"})

    @pytest.mark.parametrize("error", [InterfaceError, InternalError, OperationalError, ProgrammingError])
    def test_database_down(self, client, monkeypatch, error):
        def fail(*args):
            raise error("connection refused, password=secret")

        monkeypatch.setattr("watchtime.totals.user_total", fail)
        response = client.get("/users/ann/total-watch-time/")
        assert response.status_code == 503
        assert response.json() == {"detail": "The service is not available now"}

    def test_what_nobody_expected_is_json(self, client, monkeypatch):
        def fail(*args):
            raise RuntimeError("secret")

        client.raise_request_exception = False
        monkeypatch.setattr("watchtime.totals.user_total", fail)
        response = client.get("/users/ann/total-watch-time/")
        assert (response.status_code, response.json()) == (500, {"detail": "Internal server error"})


class TestDocument:
    def test_schema_names(self, client):
        document = client.get("/swagger.json").json()
        assert document["info"]["version"] == __version__
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

    def test_is_made_once(self, client, monkeypatch):
        document = client.get("/swagger.json").json()
        monkeypatch.setattr(NinjaAPI, "get_openapi_schema", None)
        assert client.get("/swagger.json").json() == document

    def test_statuses(self, client):
        operations = client.get("/swagger.json").json()["paths"]
        assert set(operations["/"]["post"]["responses"]) == {
            "200",
            "400",
            "401",
            "403",
            "411",
            "413",
            "415",
            "429",
            "503",
        }
        assert set(operations["/"]["get"]["responses"]) == {"200", "400", "401", "403", "429", "503"}
        for path in list(operations)[1:]:
            assert set(operations[path]) == {"get"}
            assert set(operations[path]["get"]["responses"]) == {"200", "401", "403", "404", "429", "503"}

    def test_event_fields(self, client):
        event = client.get("/swagger.json").json()["components"]["schemas"]["EventSerializer"]
        assert set(event["required"]) == {"user", "slug", "at", "received_at"}
        assert event["properties"]["received_at"]["readOnly"]
        nullable = {name for name, schema in event["properties"].items() if {"type": "null"} in schema.get("anyOf", [])}
        assert nullable == {"start", "id", "occurred_at", "positional"}
        assert set(event["properties"]) == {*WatchEvent.model_fields, "received_at"}

    def test_page_has_no_other_host(self, client):
        response = client.get("/swagger/")
        page = response.content.decode()
        assert "://" not in page
        assert '"validatorUrl": null' in page
        assert "script-src 'self'" in response["Content-Security-Policy"].split("; ")
