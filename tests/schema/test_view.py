"""GraphQL over HTTP: media types, status codes, and an answer in JSON whatever is sent."""

import gzip
import json
import logging
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from graphql import GraphQLSchema
from pytest_django import Settings

from schema import extension, persisted
from schema.documents import Document, read_document
from tests.schema.conftest import Ask
from watchtime import totals
from watchtime.models import CustomUser

NEW = "application/graphql-response+json"
HELLO = {"query": "{ __typename }"}
ANSWER = {"data": {"__typename": "Query"}}


def code_of(response: HttpResponse) -> str:
    """Return the code of the only error, having checked that nothing else is in the answer."""
    body = json.loads(response.content)
    assert list(body) == ["errors"]
    (error,) = body["errors"]
    assert error["message"]
    code: str = error["extensions"]["code"]
    return code


@pytest.fixture(params=["application/json", NEW])
def accept(request: pytest.FixtureRequest) -> str:
    media_type: str = request.param
    return media_type


def test_a_query_is_answered_to_post_and_get(client: Client, accept: str) -> None:
    posted = client.post("/graphql/", HELLO, content_type="application/json", headers={"Accept": accept})
    got = client.get("/graphql/", HELLO, headers={"Accept": accept})
    for response in (posted, got):
        assert response.status_code == 200
        assert response["Content-Type"] == f"{accept}; charset=utf-8"
        assert response.json() == ANSWER


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/plain", "application/json"),
        (f"{NEW}, application/json;q=0.9", NEW),
        (f"application/json, {NEW};q=0.5", "application/json"),
        (f"{NEW};charset=utf-8", NEW),
        ("nonsense", "application/json"),
    ],
)
def test_the_media_type_is_what_the_client_prefers(client: Client, accept: str, expected: str) -> None:
    response = client.post("/graphql/", HELLO, content_type="application/json", headers={"Accept": accept})
    assert response["Content-Type"].startswith(expected)


def test_get_takes_variables_and_an_operation_name(client: Client, ada: CustomUser) -> None:
    params = {
        "query": "query A { __typename } query B($u: String!) { userTotalWatchTime(username: $u) { username } }",
        "operationName": "B",
        "variables": json.dumps({"u": "ada"}),
    }
    assert client.get("/graphql/", params).json() == {"data": {"userTotalWatchTime": {"username": "ada"}}}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ unknown }", "GRAPHQL_VALIDATION_FAILED"),
        ("query ($n: Int!) { users(first: $n) { totalCount } }", "BAD_USER_INPUT"),
    ],
)
def test_a_refused_document_has_no_data(client: Client, accept: str, query: str, code: str) -> None:
    response = client.post("/graphql/", {"query": query}, content_type="application/json", headers={"Accept": accept})
    assert code_of(response) == code
    assert response.status_code == (400 if accept == NEW else 200)
    assert response.json()["errors"][0]["locations"]


@pytest.mark.parametrize(
    "body",
    [
        *(b"null", b'"s"', b"123", b"true", b"[]", b"[1]", b"{", b"\xff\xfe", b"[" * 15_000, b"{}", b"x=1"),
        *(b'{"query": 1}', b'{"query": null}', b'{"query": ""}', b'{"query": ["{a}"]}'),
        *(b'{"query": "{a}", "variables": 1}', b'{"query": "{a}", "variables": []}'),
        *(b'{"query": "{a}", "operationName": 1}', b'{"query": "{a}", "extensions": "x"}'),
        *(b'{"query": "{__typename}", "operationName": "B"}', b'{"query": "query A{__typename} query B{__typename}"}'),
        *(b'{"query": "fragment A on Query { __typename }"}',),
    ],
)
def test_what_is_no_request_is_a_bad_request(client: Client, accept: str, body: bytes) -> None:
    response = client.post("/graphql/", body, content_type="application/json", headers={"Accept": accept})
    assert response.status_code == 400
    assert response["Content-Type"].startswith(accept)
    assert code_of(response) == "BAD_REQUEST"


def test_an_empty_body_is_refused(client: Client) -> None:
    response = client.generic("POST", "/graphql/", b"", CONTENT_TYPE="application/json")
    assert response.status_code == 400
    assert code_of(response) == "BAD_REQUEST"


@pytest.mark.parametrize("params", [{"variables": "{"}, {"variables": "1"}, {"extensions": "[]"}, {"query": ""}])
def test_bad_parameters_of_get_are_a_bad_request(client: Client, params: dict[str, str]) -> None:
    assert client.get("/graphql/", {**HELLO, **params}).status_code == 400


def test_a_body_that_is_too_large_is_refused(client: Client, settings: Settings) -> None:
    response = client.post("/graphql/", b" " * 10_000_000, content_type="application/json")
    assert response.status_code == 413
    assert code_of(response) == "TOO_LARGE"


@pytest.mark.parametrize(
    "body", [b"[" * 20_001, b"[" + b"{}," * 10_001, b'{"query": "{__typename}", "x": [' + b"1," * 20_001]
)
def test_a_body_of_too_many_values_is_refused(client: Client, body: bytes) -> None:
    response = client.post("/graphql/", body, content_type="application/json")
    assert response.status_code == 413
    assert code_of(response) == "TOO_LARGE"


def test_a_body_that_lies_about_its_length_is_refused(client: Client, settings: Settings) -> None:
    settings.GRAPHQL_MAX_BODY = 50
    body = json.dumps(HELLO).encode() + b" " * 50
    assert client.generic("POST", "/graphql/", body, "application/json", CONTENT_LENGTH="").status_code in (400, 413)


def test_a_body_in_chunks_is_read_to_its_end(client: Client, settings: Settings) -> None:
    body = json.dumps(HELLO).encode()
    headers = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "", "wsgi.input_terminated": True}

    def send() -> Any:
        extra = {**headers, "wsgi.input": BytesIO(body)}
        return client.generic("POST", "/graphql/", "{}", "application/json", **extra)

    assert send().json() == ANSWER
    settings.GRAPHQL_MAX_BODY = len(body) - 1
    refused = send()
    assert (refused.status_code, code_of(refused)) == (413, "TOO_LARGE")


@pytest.mark.parametrize(
    "content_type",
    [
        *("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "text/html", ""),
        *("application/graphql", "application/json; charset=utf-16", "application/jsonp"),
    ],
)
def test_other_content_types_are_refused(client: Client, content_type: str) -> None:
    response = client.generic("POST", "/graphql/", json.dumps(HELLO), content_type)
    assert response.status_code == 415
    assert code_of(response) == "BAD_REQUEST"


@pytest.mark.parametrize("content_type", ["application/json; charset=UTF-8", "application/json; charset=utf8"])
def test_utf8_may_be_named(client: Client, content_type: str) -> None:
    assert client.generic("POST", "/graphql/", json.dumps(HELLO), content_type).json() == ANSWER


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_other_methods_are_refused(client: Client, method: str) -> None:
    response = client.generic(method, "/graphql/", json.dumps(HELLO), "application/json")
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert code_of(response) == "BAD_REQUEST"


@pytest.mark.parametrize("path", ["/graphql/", "/graphql"])
def test_what_programs_may_do_is_told(client: Client, path: str) -> None:
    response = client.options(path)
    assert (response.status_code, response["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")


def test_head_is_get_without_the_answer(client: Client) -> None:
    response = client.head("/graphql/", HELLO)
    assert (response.status_code, response.content) == (200, b"")
    assert response["Content-Type"] == "application/json; charset=utf-8"
    assert client.head("/graphql/").status_code == 400
    assert client.head("/graphql/", headers={"Accept": "text/html"})["Content-Type"].startswith("text/html")
    assert client.head("/graphql/", {"query": "mutation { __typename }"}).status_code == 405


def test_the_slash_may_be_left_out(client: Client) -> None:
    assert client.post("/graphql", HELLO, content_type="application/json").json() == ANSWER
    assert client.get("/graphql", HELLO).json() == ANSWER
    assert client.get("/graphql", headers={"Accept": "text/html"})["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate", "gzip, identity"])
def test_an_encoded_body_is_refused_in_words(client: Client, encoding: str) -> None:
    body = gzip.compress(json.dumps(HELLO).encode())
    response = client.generic("POST", "/graphql/", body, "application/json", headers={"Content-Encoding": encoding})
    assert (response.status_code, code_of(response)) == (415, "BAD_REQUEST")
    assert "Content-Encoding" in response.json()["errors"][0]["message"]
    assert (
        client.post("/graphql/", HELLO, "application/json", headers={"Content-Encoding": "identity"}).json() == ANSWER
    )


def test_nobody_stores_an_answer(client: Client, db: None) -> None:
    for query in ("{ __typename }", "{", '{ userTotalWatchTime(username: "ada") { pk } }'):
        assert client.post("/graphql/", {"query": query}, "application/json")["Cache-Control"] == "no-store"
        assert client.get("/graphql/", {"query": query})["Cache-Control"] == "no-store"
    assert client.put("/graphql/")["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "body", [b'{"query": "{ a }", "query": "{ __typename }"}', b'[{"query": "{ __typename }", "x": {"a": 1, "a": 1}}]']
)
def test_a_name_twice_in_one_object_is_refused(client: Client, body: bytes) -> None:
    response = client.generic("POST", "/graphql/", body, "application/json")
    assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("name", ["query", "variables", "operationName", "extensions"])
def test_a_parameter_twice_in_the_url_is_refused(client: Client, name: str) -> None:
    response = client.get("/graphql/", {"query": "{ __typename }", name: ["{}", "{}"]})
    assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")


def test_get_does_not_mutate(client: Client) -> None:
    query = 'mutation { publishEvent(event: {user: "ada", slug: "dune", at: 1}) { id } }'
    response = client.get("/graphql/", {"query": query})
    assert response.status_code == 405
    assert response["Allow"] == "POST"
    assert code_of(response) == "BAD_REQUEST"


def test_a_browser_gets_the_page_and_no_page_hides_an_answer(client: Client) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    assert client.get("/graphql/", headers=browser)["Content-Type"].startswith("text/html")
    assert client.get("/graphql/", HELLO, headers=browser).json() == ANSWER
    assert client.get("/graphql/").status_code == 400


def test_an_unexpected_exception_is_masked_and_logged_with_its_id(
    client: Client, ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(username: str) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(totals, "user_total", fail)
    with caplog.at_level(logging.ERROR):
        answer = ask('{ userTotalWatchTime(username: "ada") { username } }')
    (error,) = answer["errors"]
    assert answer["data"] == {"userTotalWatchTime": None}
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert error["path"] == ["userTotalWatchTime"]
    assert "hunter2" not in json.dumps(answer)
    (record,) = [record for record in caplog.records if record.name == "schema.errors"]
    assert error["extensions"]["requestId"] in record.getMessage()
    assert record.exc_info is not None
    assert "hunter2" in str(record.exc_info[1])


def test_a_failure_before_any_field_is_masked_and_logged_too(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> str:
        raise ConnectionError("cache.internal:6379 is away")

    monkeypatch.setattr(persisted, "document_text", fail)
    with caplog.at_level(logging.ERROR):
        response = client.post("/graphql/", HELLO, content_type="application/json")
    assert (response.status_code, code_of(response)) == (500, "INTERNAL_SERVER_ERROR")
    assert b"cache.internal" not in response.content
    (record,) = [record for record in caplog.records if record.name == "schema.errors"]
    assert response.json()["errors"][0]["extensions"]["requestId"] in record.getMessage()
    assert record.exc_info is not None
    assert "cache.internal" in str(record.exc_info[1])


def test_a_failure_is_of_one_operation_of_a_batch(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(graph: GraphQLSchema, text: str) -> Document:
        if "hunter2" in text:
            raise RuntimeError(text)
        return read_document(graph, text)

    monkeypatch.setattr(extension, "read_document", fail)
    response = client.post("/graphql/", [HELLO, {"query": "{ hunter2 }"}, HELLO], content_type="application/json")
    first, failed, last = response.json()
    assert (response.status_code, first, last) == (200, ANSWER, ANSWER)
    (error,) = failed["errors"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "hunter2" not in error["message"]


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_a_foreign_host_is_refused_in_json(client: Client, prefix: str) -> None:
    response = client.post(
        "/graphql/", HELLO, content_type="application/json", headers={"Host": "evil.example"}, SCRIPT_NAME=prefix
    )
    assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")
    response = client.get("/users/ada/total-watch-time/", headers={"Host": "evil.example"})
    assert (response.status_code, response.json()) == (400, {"detail": "Bad request"})


def test_long_input_is_not_echoed(ask: Ask) -> None:
    (error,) = ask("query ($n: Int) { users(first: $n) { totalCount } }", n="x" * 100_000)["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert len(error["message"]) < 600


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "1" + "0" * 5000, "1e400", "9223372036854775808", "407.5", "true"]
)
def test_what_json_calls_a_number_need_not_be_an_int(client: Client, value: str) -> None:
    query = "query ($n: Int) { users(first: $n) { totalCount } }"
    body = f'{{"query": "{query}", "variables": {{"n": {value}}}}}'
    response = client.post("/graphql/", body, content_type="application/json")
    assert code_of(response) == "BAD_USER_INPUT"
    assert "'$n'" in response.json()["errors"][0]["message"]


MUTATION = {"query": 'mutation { publishEvent(event: {user: "", slug: "dune", at: 1}) { userErrors { code } } }'}


def post(client: Client, **headers: str) -> HttpResponse:
    response: Any = client.post("/graphql/", MUTATION, content_type="application/json", headers=headers)
    return response


@pytest.fixture
def signed_in(db: None) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("editor"))
    return client


def test_a_client_without_cookies_needs_no_token(db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    assert post(client).status_code == 200
    assert post(client, Origin="https://elsewhere.example").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver:81"},
        {"Origin": "https://testserver"},
        {"Referer": "https://elsewhere.example/page"},
        {"Referer": "http://[elsewhere"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_cookie_from_another_origin_is_refused(signed_in: Client, headers: dict[str, str]) -> None:
    response = post(signed_in, **headers)
    assert response.status_code == 403
    assert code_of(response) == "FORBIDDEN"


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://testserver"}, {"Referer": "http://testserver/graphql/"}, {"Sec-Fetch-Site": "same-origin"}],
)
def test_a_cookie_from_our_own_pages_is_fine(signed_in: Client, headers: dict[str, str]) -> None:
    assert post(signed_in, **headers).status_code == 200


def test_a_cookie_from_a_trusted_origin_is_fine(signed_in: Client, settings: Settings) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://player.example"]
    assert post(signed_in, Origin="https://player.example").status_code == 200
