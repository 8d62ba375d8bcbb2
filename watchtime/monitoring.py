"""`/livez`, `/readyz` and `/metrics`, for the web server and for the consumer's own port."""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.conf import settings
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from watchtime.health import DEADLINE, DEPTHS, Outcome, outcomes
from watchtime.metrics import exposition

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PATHS = ("/livez", "/readyz", "/metrics")
READ_TIMEOUT = 5.0  # seconds that a client of the consumer's port may take to send its request
logger = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What to send: a status, the body and its type."""

    status: HTTPStatus
    content_type: str
    body: bytes


@dataclass
class Progress:
    """How far a consumer has come. `limit` is the seconds that it may go without finishing a batch or being idle.

    `oldest` is when the oldest message in hand was published, in epoch seconds; None between batches.
    `held` says why the batch in hand could not be saved; None when nothing failed.
    """

    limit: float
    beat_at: float = field(default_factory=time.monotonic)
    has_begun: bool = False
    oldest: float | None = None
    held: str | None = None
    newest_done: float | None = None

    def beat(self) -> None:
        """Note that the consumer finished a batch, or has nothing to do."""
        self.beat_at, self.has_begun = time.monotonic(), True

    def outcome(self) -> "Outcome[None]":
        """Return whether the consumer gets on."""
        seconds = time.monotonic() - self.beat_at
        if not self.has_begun:
            return Outcome(None, "the consumer has not begun to consume", seconds)
        late = f"no batch was finished within {self.limit:g} s" if seconds > self.limit else None
        return Outcome(None, self.held or late, seconds)

    def oldest_age(self, waiting: int) -> float:
        """Return the seconds since the oldest event that is not counted was published; 0 when there is none.

        Between batches that is at most the age of the last one done: the queue is in order.
        """
        oldest = self.oldest or (self.newest_done if waiting else None)
        return max(0.0, time.time() - oldest) if oldest else 0.0


class Monitor(Collector):
    """Answers for a process. A consumer gives its progress, too."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress

    def answer(self, path: str) -> Answer:
        """Return the answer for one of PATHS."""
        if path == "/metrics":
            return Answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, exposition(self))
        if path == "/readyz":
            return self._readiness()
        return _json(HTTPStatus.OK, {"status": "alive"})

    def _checks(self) -> "dict[str, Outcome[None]]":
        progress = {"progress": self._progress.outcome()} if self._progress else {}
        return {**outcomes(), **progress}

    def _readiness(self) -> Answer:
        checks = self._checks()
        failed = [name for name, outcome in checks.items() if outcome.error]
        body = {
            "status": "unavailable" if failed else "ready",
            "failed": failed,
            "checks": {name: outcome.as_json() for name, outcome in checks.items()},
        }
        return _json(HTTPStatus.SERVICE_UNAVAILABLE if failed else HTTPStatus.OK, body)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the numbers that other services are asked for at each scrape. Leave out what does not come in time."""
        deadline = time.monotonic() + DEADLINE
        DEPTHS.begin()
        up = GaugeMetricFamily("watchtime_check_up", "Whether a check of /readyz passes.", labels=["check"])
        seconds = GaugeMetricFamily("watchtime_check_seconds", "Seconds that the check took.", labels=["check"])
        for name, outcome in self._checks().items():
            up.add_metric([name], 0 if outcome.error else 1)
            seconds.add_metric([name], outcome.seconds)
        build = GaugeMetricFamily("watchtime_build_info", "The service's version; always 1.", labels=["version"])
        build.add_metric([settings.VERSION], 1)
        yield from (up, seconds, build)
        depths = DEPTHS.outcome(deadline).value
        if depths is None:
            return
        messages = GaugeMetricFamily("watchtime_queue_messages", "Messages that wait.", labels=["queue"])
        messages.add_metric(["events"], depths.waiting)
        messages.add_metric(["dead"], depths.dead)
        yield messages
        if self._progress:
            age = self._progress.oldest_age(depths.waiting)
            yield GaugeMetricFamily(
                "watchtime_oldest_event_age_seconds", "Seconds since the oldest waiting event was published.", value=age
            )


def _json(status: HTTPStatus, body: dict[str, Any]) -> Answer:
    return Answer(status, "application/json", json.dumps(body).encode())


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _IPv6Server(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = READ_TIMEOUT

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class has the name)
        """Log requests when debugging only: probes come every few seconds."""
        logger.debug(format, *args)


def serve_monitor(monitor: Monitor, host: str, port: int) -> Callable[[], None]:
    """Answer on a port from a thread of its own; return what stops it. Raises OSError when the port is taken."""
    server = make_server(
        host, port, _application(monitor), _IPv6Server if ":" in host else _Server, handler_class=_Handler
    )
    threading.Thread(target=server.serve_forever, name="monitor", daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return stop


def _application(monitor: Monitor) -> "Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]":
    def application(request: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if request["PATH_INFO"] not in PATHS:
            answer = _json(HTTPStatus.NOT_FOUND, {"detail": "Not found"})
        elif request["REQUEST_METHOD"] not in ("GET", "HEAD"):
            answer = _json(HTTPStatus.METHOD_NOT_ALLOWED, {"detail": "Use GET"})
        else:
            answer = monitor.answer(request["PATH_INFO"])
        headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body)))]
        start_response(f"{answer.status.value} {answer.status.phrase}", [*headers, ("Cache-Control", "no-store")])
        return [] if request["REQUEST_METHOD"] == "HEAD" else [answer.body]

    return application
