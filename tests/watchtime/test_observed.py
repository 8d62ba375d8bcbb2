"""What a consumer tells of its batches."""

import logging
import time

import pytest
from prometheus_client import REGISTRY

from broker import Delivery, TryAgain
from tests.factories import event
from watchtime.ingest import IngestHandler
from watchtime.monitoring import Progress
from watchtime.observed import ObservedIngest

pytestmark = pytest.mark.django_db(transaction=True)


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def deliveries(*bodies: bytes) -> list[Delivery]:
    sent_at = time.time() - 0.2
    return [Delivery(body, tag, False, sent_at, {"x-request-id": f"r{tag}"}) for tag, body in enumerate(bodies, 1)]


def test_a_batch_is_counted_by_what_became_of_its_events() -> None:
    names = {
        "folded": ("watchtime_events_folded_total", {}),
        "repeated": ("watchtime_events_repeated_total", {}),
        "conflicts": ("watchtime_dead_letters_total", {"reason": "conflict"}),
        "invalid": ("watchtime_dead_letters_total", {"reason": "invalid"}),
        "batches": ("watchtime_batch_events_count", {}),
        "events": ("watchtime_batch_events_sum", {}),
        "visible": ("watchtime_visible_seconds_count", {}),
    }
    before = {key: sample(name, **labels) for key, (name, labels) in names.items()}
    first = event(at=10)
    conflict = first.model_copy(update={"at": 11})
    save = ObservedIngest(IngestHandler(), Progress(limit=30))
    rejections = save(deliveries(first.encode(), first.encode(), conflict.encode(), event(at=5).encode(), b"{}"))
    assert len(rejections) == 2
    grown = {key: sample(name, **labels) - before[key] for key, (name, labels) in names.items()}
    assert grown == {
        "folded": 2,
        "repeated": 1,
        "conflicts": 1,
        "invalid": 1,
        "batches": 1,
        "events": 5,
        "visible": 5,
    }


def test_latency_is_from_publishing_to_the_totals() -> None:
    before = sample("watchtime_visible_seconds_sum")
    ObservedIngest(IngestHandler(), Progress(limit=30))(deliveries(event().encode()))
    assert 0.2 <= sample("watchtime_visible_seconds_sum") - before < 10


def test_requests_are_named_and_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.INFO, "watchtime.batches")
    body = event(user="anna", slug="alien").encode()
    ObservedIngest(IngestHandler(), Progress(limit=30))(deliveries(body, b'{"user": "anna", "anna": 1}'))
    refused, batch = caplog.records
    assert refused.levelno == logging.WARNING
    assert refused.__dict__["request_id"] == "r2"
    assert batch.__dict__["request_ids"] == ["r1", "r2"]
    assert "anna" not in caplog.text


@pytest.mark.parametrize(
    "headers", [None, {}, {"x-request-id": 5}, {"x-request-id": "a\nb"}, {"x-request-id": "x" * 200}]
)
def test_a_header_that_is_no_id_is_none(headers: dict[str, object] | None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "watchtime.batches")
    ObservedIngest(IngestHandler(), Progress(limit=30))([Delivery(event().encode(), 1, headers=headers)])
    assert caplog.records[-1].__dict__["request_ids"] == []


def test_a_batch_that_cannot_be_saved_stays_the_oldest_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(self: IngestHandler, batch: object) -> None:
        raise TryAgain("the database is away")

    monkeypatch.setattr(IngestHandler, "__call__", away)
    progress, retries = Progress(limit=30), sample("watchtime_fold_retries_total")
    batch = deliveries(b"{}")
    with pytest.raises(TryAgain):
        ObservedIngest(IngestHandler(), progress)(batch)
    assert progress.oldest == batch[0].sent_at
    assert sample("watchtime_fold_retries_total") - retries == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (TryAgain("the database is read-only"), "a batch is held: the database is read-only"),
        (RuntimeError("a bug\nand more"), "a batch is held: RuntimeError: a bug"),
    ],
)
def test_a_consumer_is_not_ready_while_it_holds_a_batch_that_cannot_be_saved(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, told: str
) -> None:
    def fail(self: IngestHandler, batch: object) -> None:
        raise failure

    progress, batch = Progress(limit=30), deliveries(event().encode())
    progress.beat()
    save = ObservedIngest(IngestHandler(), progress)
    with monkeypatch.context() as failing:
        failing.setattr(IngestHandler, "__call__", fail)
        with pytest.raises(type(failure)):
            save(batch)
    assert progress.outcome().error == told
    save(batch)
    assert progress.outcome().error is None
