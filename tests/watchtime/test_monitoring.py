"""What a process tells of itself on a port of its own."""

import json
import time
from collections.abc import Iterator

import httpx
import pytest

from broker import default_broker
from project import __version__
from tests.processes import free_port
from watchtime import health
from watchtime.health import DEPTHS
from watchtime.monitoring import Monitor, Progress, serve_monitor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def progress() -> Progress:
    made = Progress(limit=30)
    made.beat()
    return made


@pytest.fixture(autouse=True)
def _asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "FRESH", 0.0)
    monkeypatch.setattr(health, "DEADLINE", 30.0)  # nothing hangs here, and a busy machine may take a while


@pytest.fixture
def address(progress: Progress) -> Iterator[str]:
    port = free_port()
    stop = serve_monitor(Monitor(progress), "127.0.0.1", port)
    yield f"http://127.0.0.1:{port}"
    stop()


def test_a_consumer_that_gets_on_is_ready(address: str) -> None:
    assert httpx.get(f"{address}/livez").json() == {"status": "alive"}
    response = httpx.get(f"{address}/readyz")
    assert response.status_code == 200
    checks = response.json()["checks"]
    assert {name: check["state"] for name, check in checks.items()} == dict.fromkeys(
        ["database", "migrations", "broker", "progress"], "ok"
    )


def test_a_consumer_that_is_stuck_is_not(address: str, progress: Progress) -> None:
    progress.beat_at = time.monotonic() - 31
    response = httpx.get(f"{address}/readyz")
    assert (response.status_code, response.json()["failed"]) == (503, ["progress"])
    assert response.json()["checks"]["progress"]["error"] == "no batch was finished within 30 s"
    assert httpx.get(f"{address}/livez").status_code == 200
    assert 'watchtime_check_up{check="progress"} 0.0' in httpx.get(f"{address}/metrics").text


def test_a_consumer_that_has_not_begun_is_not() -> None:
    answer = Monitor(Progress(limit=30)).answer("/readyz")
    assert (answer.status, json.loads(answer.body)["failed"]) == (503, ["progress"])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("HEAD", "/readyz", 200), ("POST", "/livez", 405), ("GET", "/", 404), ("GET", "/metrics/../x", 404)],
)
def test_other_requests(address: str, method: str, path: str, status: int) -> None:
    assert httpx.request(method, address + path).status_code == status


def test_the_depth_of_the_queues_is_told(address: str) -> None:
    default_broker().publish([b"1", b"2"])
    text = httpx.get(f"{address}/metrics").text
    assert 'watchtime_queue_messages{queue="events"} 2.0' in text
    assert 'watchtime_queue_messages{queue="dead"} 0.0' in text


def test_the_version_is_told(address: str) -> None:
    assert f'watchtime_build_info{{version="{__version__}"}} 1.0' in httpx.get(f"{address}/metrics").text


def test_what_the_broker_does_not_tell_is_left_out(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise ConnectionError("away")

    monkeypatch.setattr(DEPTHS, "_ask", away)
    response = httpx.get(f"{address}/metrics")
    assert response.status_code == 200
    assert "watchtime_check_up" in response.text
    assert "watchtime_queue_messages" not in response.text


@pytest.mark.parametrize(
    ("oldest", "newest_done", "waiting", "age"),
    [(None, None, 0, 0), (None, 100, 0, 0), (None, 100, 5, 100), (50, 100, 0, 50), (None, None, 5, 0)],
)
def test_the_age_of_the_oldest_event(oldest: int | None, newest_done: int | None, waiting: int, age: int) -> None:
    progress, now = Progress(limit=30), time.time()
    progress.oldest = now - oldest if oldest else None
    progress.newest_done = now - newest_done if newest_done else None
    assert progress.oldest_age(waiting) == pytest.approx(age, abs=2)
