"""The ASGI entry point that `manage.py serve` runs: no thread waits for a client to send or to read.

A request's body is read to its end by the event loop before one of a few threads runs Django (`project.wsgi`), and
its answer is sent after the thread is free again. So a client that is slow to send or to read holds up nobody else.
"""

import asyncio
import io
import json
import multiprocessing
import sys
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from functools import lru_cache, partial
from typing import Any
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.urls import get_resolver

from project.threads import Threads
from project.turns import Turns
from project.wsgi import application as django
from schema.addresses import address_in
from watchtime.monitoring import PATHS
from watchtime.processes import collect_garbage_less, stop_with

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
WSGI = Callable[[dict[str, Any], Callable[..., Any]], Any]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]

PROBE_THREADS = 4
PAUSES = {401: 0.05, 429: 0.2}  # seconds that refusals are kept back, by status
# A list of names is one header in WSGI; these are joined in their own way, the others by commas (RFC 9110, 5.3).
SEPARATORS = {"HTTP_COOKIE": "; "}


class Gateway:
    """An ASGI application that runs a WSGI application in threads.

    A body is read up to `body_limit` bytes and one: the application refuses what is longer. A body that is not
    here after `body_timeout` seconds is answered with 408, and what comes while `most_waiting` requests wait for a
    thread is answered with 503. While several callers ask, each has at most a quarter of the threads. `pauses` has
    the seconds that a refusal is kept back, by status, so that a client that sends again at once keeps no thread
    busy. The paths of `probes` have threads of their own: they are to be answered also when all others wait for a
    database that hangs.
    """

    def __init__(
        self,
        application: WSGI,
        *,
        threads: int,
        body_limit: int,
        body_timeout: float = 20.0,
        most_waiting: int = 1000,
        pauses: Mapping[int, float] = PAUSES,
        probes: Collection[str] = (),
    ) -> None:
        self._application = application
        self._threads: Threads[Answer] = Threads(threads, "web")
        self._turns = Turns(share=max(1, threads // 4))
        self._body_limit = body_limit
        self._body_timeout = body_timeout
        self._room = threads + most_waiting
        self._pauses = pauses
        self._probes = probes
        self._probe_threads: Threads[Answer] = Threads(PROBE_THREADS, "probe")

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            body = await self._body(receive)
        except TimeoutError:
            answer = _problem(408, "The body of the request did not arrive in time")
        else:
            if body is None:
                return
            answer = await self._run(scope, body)
            if pause := self._pause(scope, answer):
                await asyncio.sleep(pause)
        status, headers, content = answer
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _body(self, receive: Receive) -> bytes | None:
        """Return the body, or None when the client has gone. Raises TimeoutError."""
        body, more = bytearray(), True
        async with asyncio.timeout(self._body_timeout):
            while more and len(body) <= self._body_limit:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                body += message.get("body", b"")
                more = message.get("more_body", False)
        return bytes(body)

    async def _run(self, scope: Mapping[str, Any], body: bytes) -> Answer:
        if scope["path"] in self._probes:
            return await self._probe_threads.run(partial(self._answer, wsgi_variables(scope, body)))
        if self._room <= 0:
            return _problem(503, "The service is overloaded. Try again", (b"retry-after", b"1"))
        variables = wsgi_variables(scope, body)
        self._room -= 1
        try:
            async with self._turns.turn(caller_of(variables)):
                return await self._threads.run(partial(self._answer, variables))
        finally:
            self._room += 1

    def _pause(self, scope: Mapping[str, Any], answer: Answer) -> float:
        """Return the seconds that an answer is kept back. A client may ask without credentials which kind to send."""
        if answer[0] == 401 and not any(name == b"authorization" for name, _ in scope["headers"]):
            return 0
        return self._pauses.get(answer[0], 0)

    def _answer(self, variables: dict[str, Any]) -> Answer:
        started: list[tuple[str, Iterable[tuple[str, str]]]] = []

        def start_response(status: str, headers: Iterable[tuple[str, str]], _error: object = None) -> None:
            started.append((status, headers))

        response = self._application(variables, start_response)
        try:
            content = b"".join(response)
        finally:
            response.close()
        status, headers = started[-1]
        return int(status[:3]), [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers], content


def caller_of(variables: Mapping[str, Any]) -> str:
    """Return what stands for the caller before anything is checked: its credentials, or its address."""
    return variables.get("HTTP_AUTHORIZATION") or address_in(variables)


def wsgi_variables(scope: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    """Return the variables of a request as WSGI names them (PEP 3333).

    A header with an underscore in its name is left out: it would pass for the one with hyphens that a proxy sets.
    """
    server, client = scope.get("server") or ("localhost", 80), scope.get("client") or ("", 0)
    variables: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        if b"_" in raw_name:
            continue
        name, value = _variable(raw_name), raw_value.decode("latin-1")
        variables[name] = f"{variables[name]}{SEPARATORS.get(name, ',')}{value}" if name in variables else value
    variables["CONTENT_TYPE"] = variables.pop("HTTP_CONTENT_TYPE", "")
    declared, in_chunks = variables.pop("HTTP_CONTENT_LENGTH", None), variables.pop("HTTP_TRANSFER_ENCODING", None)
    variables["CONTENT_LENGTH"] = declared if declared and not in_chunks else str(len(body))
    return variables


@lru_cache(maxsize=500)
def _variable(header: bytes) -> str:
    return "HTTP_" + header.decode("latin-1").upper().replace("-", "_")


def _problem(status: int, detail: str, *headers: tuple[bytes, bytes]) -> Answer:
    content = json.dumps({"detail": detail}).encode()
    length = str(len(content)).encode()
    return status, [(b"content-type", b"application/json"), (b"content-length", length), *headers], content


application = Gateway(
    django,
    threads=settings.WEB_THREADS,
    body_limit=max(settings.GRAPHQL_MAX_BODY, settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0),
    probes=PATHS,
)

if server := multiprocessing.parent_process():  # this is a worker of `manage.py serve`
    stop_with(server.pid or 0)
    get_resolver().url_patterns  # noqa: B018  # imports all views and the schema
    collect_garbage_less()
