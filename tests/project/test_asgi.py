"""The gateway between the web server's event loop and Django's threads."""

import asyncio
import json
import threading
from collections.abc import Iterable
from typing import Any

import pytest

from project.asgi import Gateway, caller_of, wsgi_variables

HEADERS = [(b"content-type", b"text/plain")]


def scope(*headers: tuple[bytes, bytes], **changes: Any) -> dict[str, Any]:
    base = {
        "type": "http",
        "method": "POST",
        "path": "/a b",
        "raw_path": b"/a%20b%ff",
        "query_string": b"q=%20",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("192.0.2.1", 5),
        "headers": [*HEADERS, *headers],
    }
    return {**base, **changes}


def echo(variables: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("201 Created", [("X-Length", variables["CONTENT_LENGTH"])])
    return Body([variables["wsgi.input"].read()])


class Body(list[bytes]):
    """A WSGI response."""

    def close(self) -> None:
        pass


def answer(
    gateway: Gateway, *chunks: bytes | None, end: bool = True, **changes: Any
) -> tuple[int, dict[str, str], bytes]:
    """Return what a request is answered whose body comes in chunks. None is a client that goes away."""
    return asyncio.run(ask(gateway, *chunks, end=end, **changes))


async def ask(gateway: Gateway, *chunks: bytes | None, end: bool = True, **changes: Any) -> Any:
    sent: list[Any] = []
    left = list(chunks)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.sleep(3600)
        chunk = left.pop(0)
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": bool(left) or not end}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await gateway(scope(**changes), receive, send)
    if not sent:
        return None
    start, body = sent
    return start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, body["body"]


def gateway(application: Any = echo, **options: Any) -> Gateway:
    return Gateway(application, **{"threads": 1, "body_limit": 10, **options})


def test_a_body_is_handed_over_whole() -> None:
    assert answer(gateway(), b"ab", b"", b"cd") == (201, {"x-length": "4"}, b"abcd")


def test_a_body_is_read_a_little_over_the_limit_and_no_further() -> None:
    status, _, body = answer(gateway(), b"0123456789", b"a", b"never read", end=False)
    assert (status, body) == (201, b"0123456789a")


def test_a_body_that_does_not_come_is_given_up() -> None:
    status, headers, body = answer(gateway(body_timeout=0.01), b"ab", end=False)
    assert (status, headers["content-type"]) == (408, "application/json")
    assert json.loads(body) == {"detail": "The body of the request did not arrive in time"}


def test_nothing_is_done_for_a_client_that_has_gone() -> None:
    assert answer(gateway(lambda *_: pytest.fail("it was run")), b"ab", None) is None


def test_more_than_may_wait_is_answered_at_once() -> None:
    running, release = threading.Event(), threading.Event()

    def slow(variables: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        running.set()
        release.wait(10)
        return echo(variables, start_response)

    async def ask_twice() -> list[Any]:
        full = gateway(slow, most_waiting=0)
        first = asyncio.create_task(ask(full, b"1"))
        await asyncio.to_thread(running.wait, 10)
        refused = await ask(full, b"2")
        release.set()
        return [await first, refused, await ask(full, b"3")]

    first, refused, after = asyncio.run(ask_twice())
    assert (first[0], refused[0], after[0]) == (201, 503, 201)
    assert refused[1]["retry-after"] == "1"


@pytest.mark.parametrize(
    ("status", "headers", "waits"),
    [(429, (), True), (401, ((b"authorization", b"Basic Og=="),), True), (401, (), False), (200, (), False)],
)
def test_a_refusal_is_told_after_a_pause_that_holds_up_nobody_else(
    status: int, headers: tuple[tuple[bytes, bytes], ...], waits: bool
) -> None:
    def refuse(variables: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if variables["wsgi.input"].read() == b"other":
            return echo(variables, start_response)
        start_response(f"{status} Refused", [])
        return Body()

    async def ask_both() -> tuple[int, bool]:
        slow = gateway(refuse, pauses={401: 3600, 429: 3600})
        refused = asyncio.create_task(ask(slow, b"", headers=list(headers)))
        await asyncio.sleep(0)
        other = await ask(slow, b"other")
        await asyncio.wait([refused], timeout=0.05 if waits else None)
        return other[0], refused.cancel()

    assert asyncio.run(ask_both()) == (201, waits)


def test_a_caller_is_known_by_its_credentials_or_its_address() -> None:
    token = (b"authorization", b"Bearer abc")
    assert caller_of(wsgi_variables(scope(token), b"")) == "Bearer abc"
    assert caller_of(wsgi_variables(scope(), b"")) == "192.0.2.1"


def test_the_request_in_wsgi_s_words() -> None:
    variables = wsgi_variables(
        scope((b"x-list", b"a"), (b"x-list", b"b"), (b"cookie", b"a=1"), (b"cookie", b"b=2")), b"x"
    )
    expected = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/a b\xff",
        "QUERY_STRING": "q=%20",
        "REMOTE_ADDR": "192.0.2.1",
        "SERVER_PORT": "8000",
        "HTTP_X_LIST": "a,b",
        "HTTP_COOKIE": "a=1; b=2",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "1",
    }
    assert {name: variables[name] for name in expected} == expected


def test_a_header_with_an_underscore_passes_for_no_other() -> None:
    variables = wsgi_variables(scope((b"x_forwarded_proto", b"https"), (b"x-forwarded_proto", b"https")), b"")
    assert "HTTP_X_FORWARDED_PROTO" not in variables


def test_the_length_of_a_body_in_chunks_is_what_came() -> None:
    variables = wsgi_variables(scope((b"transfer-encoding", b"chunked"), (b"content-length", b"5")), b"abc")
    assert variables["CONTENT_LENGTH"] == "3"
    assert "HTTP_TRANSFER_ENCODING" not in variables
