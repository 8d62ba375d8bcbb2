"""One trace leads from a request through RabbitMQ to the fold, and nothing of OpenTelemetry is loaded unasked."""

import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from project import __version__
from tests import services
from tests.processes import Environment, environment, free_port, migrated_database, wait_for, web_and_consumer

pytestmark = pytest.mark.slow
PARENT = "00-11111111111111111111111111111111-2222222222222222-01"


class Collector:
    """Takes spans over HTTP, as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        self.spans: dict[str, list[tuple[str, Span]]] = defaultdict(list)
        self.versions: set[str] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.take(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
            self.versions.add(about["service.version"])
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans[span.trace_id.hex()].append((about["service.name"], span))


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


@contextmanager
def traced(collector: Collector, broker: str, queue: str) -> Iterator[Environment]:
    with migrated_database() as database:
        env = environment(
            DATABASE_URL=database,
            BROKER_URL=broker,
            BROKER_QUEUE=queue,
            PORT=str(free_port()),
            ALLOW_ANONYMOUS="true",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_BSP_SCHEDULE_DELAY="100",
        )
        with web_and_consumer(env):
            yield env


@pytest.mark.parametrize("broker", ["rabbitmq", "database"])
def test_one_trace_from_the_request_to_the_fold(collector: Collector, rabbitmq_queue: str, broker: str) -> None:
    url = services.RABBITMQ_URL if broker == "rabbitmq" else "database://"
    with traced(collector, url, rabbitmq_queue) as env:
        event = {"user": "anna", "slug": "alien", "at": 407}
        response = httpx.post(
            f"http://127.0.0.1:{env['PORT']}/", json=event, headers={"traceparent": PARENT}, timeout=20
        )
        assert response.status_code == 200
        trace = "1" * 32

        def names() -> dict[str, set[str]]:
            found: dict[str, set[str]] = defaultdict(set)
            for service, span in collector.spans[trace]:
                found[service].add(span.name)
            return found

        wait_for(lambda: "watchtime fold" in names()["watch-time-consumer"], 30, "the fold's span in the trace")
        wait_for(lambda: any("POST" in name for name in names()["watch-time-web"]), 30, "the request's span")
        if broker == "rabbitmq":
            assert any("send" in name or "publish" in name for name in names()["watch-time-web"])
    assert collector.versions == {__version__}
    (fold,) = [span for _, span in collector.spans[trace] if span.name == "watchtime fold"]
    batch = {span.name for _, span in collector.spans[fold.links[0].trace_id.hex()]}
    assert "watchtime batch" in batch
    assert any("INSERT" in name for name in batch), "the batch's statements"


def test_nothing_is_loaded_unasked() -> None:
    code = "import project.wsgi, sys; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=services.ROOT, env=environment(), capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_a_process_without_the_packages_says_what_to_install() -> None:
    code = "import sys; sys.modules['opentelemetry'] = None; import project.wsgi"
    env = environment(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    done = subprocess.run([sys.executable, "-c", code], cwd=services.ROOT, env=env, capture_output=True, text=True)
    assert "requirements-tracing.txt" in done.stderr
