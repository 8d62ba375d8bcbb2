"""The outermost middleware: it answers probes, and gives every other request an id, metrics and a log line."""

import logging
from collections.abc import Callable
from functools import cache
from time import perf_counter

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from prometheus_client import Counter, Histogram

from project.middleware import ADMIN
from schema.view import PATH
from watchtime.metrics import REQUEST_SECONDS, REQUESTS
from watchtime.monitoring import PATHS, Monitor
from watchtime.replica import reading
from watchtime.requests import CurrentRequest, answering, request_id_of

GetResponse = Callable[[HttpRequest], HttpResponseBase]
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})
logger = logging.getLogger("watchtime.requests")  # at INFO a line a request; LOG_REQUESTS says whether


def monitor(get_response: GetResponse) -> GetResponse:
    """Answer probes first: an orchestrator sends them to an address, over plain HTTP, without a known host."""
    monitor = Monitor()

    def answer(request: HttpRequest) -> HttpResponseBase:
        if request.path_info not in PATHS:
            return get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        status, content_type, body = monitor.answer(request.path_info)
        return HttpResponse(body, status=status, content_type=content_type, headers={"Cache-Control": "no-store"})

    return answer


def observe(get_response: GetResponse) -> GetResponse:
    """Give each request an id, and count, time and log it."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        began = perf_counter()
        endpoint = "graphql" if request.path_info.strip("/") == PATH else "rest"
        with answering(CurrentRequest(request_id_of(request.META.get("HTTP_X_REQUEST_ID")), endpoint)) as current:
            if endpoint == "rest":
                with reading(may_be_late=_only_reads(request)):
                    response = get_response(request)
                current.operation = _route(request)
            else:  # each operation says for itself what it reads
                response = get_response(request)
            response.headers["X-Request-ID"] = current.id
            _measure(current, response.status_code, perf_counter() - began)
        return response

    return answer


def _only_reads(request: HttpRequest) -> bool:
    """Say whether a request may read from a replica. The admin may not: it shows what it just wrote."""
    return request.method in ("GET", "HEAD") and not request.path_info.startswith(ADMIN)


def _route(request: HttpRequest) -> str:
    """Return the pattern of a request's path, as its name: the path itself may hold a username."""
    match = request.resolver_match
    method = request.method if request.method in METHODS else "other"
    return f"{method} /{match.route}" if match else "none"


# The names are a fixed number, and prometheus_client takes a lock and makes texts each time that it looks for one.
@cache
def _counter(endpoint: str, operation: str, status: int) -> Counter:
    return REQUESTS.labels(endpoint, operation, status)


@cache
def _histogram(endpoint: str, operation: str) -> Histogram:
    return REQUEST_SECONDS.labels(endpoint, operation)


def _measure(current: CurrentRequest, status: int, seconds: float) -> None:
    _counter(current.endpoint, current.operation, status).inc()
    _histogram(current.endpoint, current.operation).observe(seconds)
    if logger.isEnabledFor(logging.INFO):
        logger.info(
            "%s %s: %d in %.1f ms",
            current.endpoint,
            current.operation,
            status,
            1000 * seconds,
            extra={
                "endpoint": current.endpoint,
                "operation": current.operation,
                "status": status,
                "milliseconds": round(1000 * seconds, 1),
            },
        )
