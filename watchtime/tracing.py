"""Traces for OpenTelemetry: one from a request through the broker to the fold. Off unless its own variables ask for it.

The spans of Django, psycopg and pika are those of the official instrumentations. They cannot know which
messages a batch has: the fold's span links to them, and the trace of each request gets a span for the fold.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from broker import Delivery
from broker.headers import message_headers

FOLD = "watchtime fold"


def start_tracing(service: str) -> None:
    """Have this process report its spans, if the environment says where to.

    Raises ImproperlyConfigured when the packages for that are not installed.
    """
    if not settings.TRACING:
        return
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.django import DjangoInstrumentor
        from opentelemetry.instrumentation.pika import PikaInstrumentor
        from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ImproperlyConfigured(f"Tracing needs the packages of requirements-tracing.txt: {error}") from error
    attributes = {SERVICE_NAME: settings.OTEL_SERVICE_NAME or service, "service.version": settings.VERSION}
    provider = TracerProvider(resource=Resource.create(attributes))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    DjangoInstrumentor().instrument(excluded_urls=settings.OTEL_PYTHON_DJANGO_EXCLUDED_URLS)
    for instrumentor in (PsycopgInstrumentor(), PikaInstrumentor()):
        instrumentor.instrument()


@contextmanager
def published() -> Iterator[None]:
    """Have messages that are published in the block carry the current trace."""
    if not settings.TRACING:
        yield
        return
    from opentelemetry import propagate

    headers: dict[str, str] = {}
    propagate.inject(headers)
    with message_headers(headers):
        yield


@contextmanager
def folding(deliveries: Sequence[Delivery]) -> Iterator[None]:
    """Make a span of the fold of a batch, and one in the trace of each request whose messages it has."""
    if not settings.TRACING:
        yield
        return
    from opentelemetry import propagate, trace

    tracer = trace.get_tracer(__name__)
    carried = [propagate.extract(_texts(delivery)) for delivery in deliveries if delivery.headers]
    parents = {trace.get_current_span(context).get_span_context().trace_id: context for context in carried if context}
    links = [trace.Link(trace.get_current_span(context).get_span_context()) for context in parents.values()]
    began = time.time_ns()
    with tracer.start_as_current_span(
        "watchtime batch", links=links, attributes={"messages": len(deliveries)}
    ) as batch:
        yield
    for context in parents.values():
        link = trace.Link(batch.get_span_context())
        tracer.start_span(FOLD, context=context, start_time=began, links=[link]).end()


def _texts(delivery: Delivery) -> dict[str, str]:
    """Return the headers that are texts: the queue is not trusted."""
    return {name: text for name, text in (delivery.headers or {}).items() if isinstance(text, str)}
