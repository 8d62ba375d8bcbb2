"""`publish_events`: files in, events published, refused lines by number."""

import gzip
import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from broker import BrokerUnavailable, default_broker
from tests.factories import event
from watchtime.events import WatchEvent

pytestmark = pytest.mark.django_db


def queued() -> list[WatchEvent]:
    subscription = default_broker().subscribe(default_broker().queue, 10_000)
    return [WatchEvent.decode(delivery.body) for delivery in subscription.receive(10_000, 0)]


def run(file: Path | str) -> tuple[str, str, str | None]:
    """Run the command; return its output, its errors, and the error that it ended with."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("publish_events", str(file), stdout=out, stderr=err)
    except CommandError as error:
        return out.getvalue(), err.getvalue(), str(error)
    return out.getvalue(), err.getvalue(), None


EVENTS = [event(at=n) for n in range(2500)]
LINES = b"\n".join(one.encode() for one in EVENTS)


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n\r\n"])
def test_every_line_is_published(tmp_path: Path, ending: bytes) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(LINES + ending)
    assert run(file) == ("Published 2500 events.\n", "", None)
    assert queued() == EVENTS


def test_a_compressed_file(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl.gz"
    file.write_bytes(gzip.compress(LINES))
    assert run(file)[0] == "Published 2500 events.\n"
    assert queued() == EVENTS


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(LINES)))
    assert run("-")[0] == "Published 2500 events.\n"
    assert queued() == EVENTS


def test_refused_lines_are_named_and_the_others_published(tmp_path: Path) -> None:
    lines = LINES.split(b"\n")[:5]
    lines[1] = b'{"user": "anna", "slug": "alien", "at": "407"}'
    lines[3] = b"\xff"
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(lines))
    out, err, error = run(file)
    assert out == "Published 3 events.\n"
    assert err.splitlines() == [
        "line 2: at: Input should be a valid integer",
        "line 4: event: The message is not UTF-8",
    ]
    assert error == "2 lines were refused and not published"
    assert queued() == [EVENTS[0], EVENTS[2], EVENTS[4]]


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    _, _, error = run(tmp_path / "none.jsonl")
    assert error is not None
    assert error.startswith("cannot read ")
    assert "No such file" in error


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(LINES)[:-500]])
def test_a_broken_compressed_file_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "events.jsonl.gz"
    file.write_bytes(content)
    _, _, error = run(file)
    assert error is not None
    assert error.startswith("cannot read ")


def test_a_broker_that_is_away_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_messages: object) -> None:
        raise BrokerUnavailable("RabbitMQ is away")

    monkeypatch.setattr(default_broker(), "publish", away)
    file = tmp_path / "events.jsonl"
    file.write_bytes(LINES)
    _, _, error = run(file)
    assert error == "RabbitMQ is away; 0 events are published: run it again, ids make repeats harmless"
