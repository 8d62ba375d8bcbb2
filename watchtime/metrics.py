"""What the service counts and times. docs/metrics.md lists the names.

Web processes share files in PROMETHEUS_MULTIPROC_DIR, so that each of them can report the sums of all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from time import perf_counter

from django.conf import settings
from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from watchtime.requests import current_endpoint

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, that nothing here asks for

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
LATENCIES = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

REQUESTS = Counter("watchtime_requests", "Requests answered.", ["endpoint", "operation", "status"])
REQUEST_SECONDS = Histogram(
    "watchtime_request_seconds", "Seconds to answer a request.", ["endpoint", "operation"], buckets=SECONDS
)
PUBLISHED = Counter("watchtime_events_published", "Events that the broker confirmed.", ["endpoint"])
REFUSED = Counter("watchtime_events_refused", "Events that break the contract.", ["endpoint", "reason"])
FAILED = Counter("watchtime_events_failed", "Events that the broker did not confirm.", ["endpoint", "reason"])
PUBLISH_SECONDS = Histogram("watchtime_publish_seconds", "Seconds until the broker confirmed.", buckets=SECONDS)

FOLDED = Counter("watchtime_events_folded", "Events counted for the first time.")
REPEATED = Counter("watchtime_events_repeated", "Events that were counted before.")
DEAD_LETTERED = Counter("watchtime_dead_letters", "Messages and events refused by a consumer.", ["reason"])
BATCH_EVENTS = Histogram(
    "watchtime_batch_events", "Events folded in one batch.", buckets=(1, 5, 10, 50, 100, 250, 500, 1000, 2500, 5000)
)
FOLD_SECONDS = Histogram("watchtime_fold_seconds", "Seconds to save one batch.", buckets=SECONDS)
FOLD_RETRIES = Counter("watchtime_fold_retries", "Batches that could not be saved and are tried again.")
VISIBLE_SECONDS = Histogram(
    "watchtime_visible_seconds", "Seconds from publishing a message to its events' totals.", buckets=LATENCIES
)


@cache  # of a fixed number of names, which prometheus_client takes a lock to find
def _published(endpoint: str) -> Counter:
    return PUBLISHED.labels(endpoint)


@contextmanager
def publishing(events: int) -> Iterator[None]:
    """Count and time the publishing of events, whether it works or raises."""
    endpoint, began = current_endpoint(), perf_counter()
    try:
        yield
    except Exception as error:
        FAILED.labels(endpoint, type(error).__name__).inc(events)
        raise
    _published(endpoint).inc(events)
    PUBLISH_SECONDS.observe(perf_counter() - began)


def refused(reason: str) -> None:
    """Count an event that breaks the contract; the reason is an error's code, of which there are a fixed number."""
    REFUSED.labels(current_endpoint(), reason).inc()


def exposition(*collectors: Collector) -> bytes:
    """Return every metric in Prometheus's text format: those of all web processes, and those of the collectors."""
    registry: CollectorRegistry = REGISTRY
    if settings.PROMETHEUS_MULTIPROC_DIR:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    own = CollectorRegistry()
    for collector in collectors:
        own.register(collector)
    return generate_latest(registry) + generate_latest(own)
