"""What a consumer shows on a terminal. What it logs elsewhere is tested with the command."""

import io
import sys
from contextlib import closing

import pytest

from broker import default_broker
from tests.factories import event
from watchtime import progress
from watchtime.ingest import IngestHandler
from watchtime.progress import ConsumerReport

pytestmark = pytest.mark.django_db(transaction=True)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_with_the_numbers_of_events(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "DEPTH_INTERVAL", 0.0)
    broker, ingest = default_broker(), IngestHandler()
    broker.publish([event(at=n).encode() for n in range(3)])
    with closing(broker.subscribe(broker.queue, 2)) as subscription:
        report = ConsumerReport(ingest)
        deliveries = subscription.receive(2, 5)
        assert ingest(deliveries) == []
        report(subscription)
        report.close()
    assert "folded" in terminal.getvalue()
    assert "2 events" in terminal.getvalue()
    assert "waiting=1" in terminal.getvalue()
