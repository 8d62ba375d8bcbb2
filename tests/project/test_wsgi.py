"""What the web server hands over, headers that no client of Django's tests sends among it."""

import io
import json
import time
from typing import Any

import pytest

from project.wsgi import application

BODY = json.dumps({"query": "{ __typename }"}).encode()


def ask(method: str, **headers: str) -> tuple[int, Any]:
    """Send a request through the entry point; return the status and the decoded answer."""
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": "/graphql/",
        "QUERY_STRING": "query={__typename}" if method == "GET" else "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_HOST": "localhost",
        "CONTENT_LENGTH": str(len(BODY)),
        "wsgi.input": io.BytesIO(BODY),
        "wsgi.url_scheme": "http",
        **headers,
    }
    statuses: list[str] = []
    response = application(environ, lambda status, _headers: statuses.append(status))
    body = b"".join(response)
    response.close()
    return int(statuses[0].split()[0]), json.loads(body)


@pytest.mark.django_db
@pytest.mark.parametrize("charset", ["base64", "rot13", "undefined", "idna", "punycode", "latin-1", "no-such"])
def test_no_codec_but_utf8_is_used(charset: str) -> None:
    status, answer = ask("POST", CONTENT_TYPE=f"application/json; charset={charset}")
    assert (status, answer["errors"][0]["extensions"]["code"]) == (415, "BAD_REQUEST")
    assert ask("GET", CONTENT_TYPE=f"text/plain; charset={charset}") == (200, {"data": {"__typename": "Query"}})


@pytest.mark.django_db
def test_headers_that_take_long_to_read_are_not_read_to_their_end() -> None:
    endless = ';a="' + ";" * 1_000_000
    status, answer = ask(
        "POST", CONTENT_TYPE="application/json", HTTP_ACCEPT="application/graphql-response+json" + endless
    )
    assert (status, answer) == (200, {"data": {"__typename": "Query"}})
    assert ask("POST", CONTENT_TYPE="application/json" + endless) == (200, answer)
    assert ask("GET", HTTP_ACCEPT="text/html" + endless) == (200, answer)


@pytest.mark.django_db
@pytest.mark.parametrize("endless", ["; boundary=" + ";" * 100_000, "; boundary=x" + ";a=" * 100_000])
def test_a_form_whose_content_type_takes_long_to_read_is_refused(endless: str) -> None:
    before = time.thread_time()
    assert ask("POST", CONTENT_TYPE=f"multipart/form-data{endless}", PATH_INFO="/")[0] == 400
    assert time.thread_time() - before < 0.5


@pytest.mark.django_db
def test_too_many_parameters_are_a_bad_request() -> None:
    many = "&".join(f"a{index}=1" for index in range(2_000))
    status, answer = ask("GET", QUERY_STRING=many, CONTENT_TYPE="text/plain; charset=utf-8")
    assert (status, answer["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")
