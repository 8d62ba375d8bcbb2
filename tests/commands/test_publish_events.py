"""`publish_events`: files in, events published, refused lines by number."""

import gzip
import io
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from broker import BrokerError, BrokerMisconfigured, BrokerUnavailable, NothingStored, default_broker
from tests.factories import event
from tests.processes import environment, migrate, wait_for
from tests.services import ROOT
from watchtime.events import InvalidEvent, WatchEvent, decode_message

pytestmark = pytest.mark.django_db


def queued() -> list[WatchEvent | InvalidEvent]:
    subscription = default_broker().subscribe(default_broker().queue, 10_000)
    deliveries = subscription.receive(10_000, 0)
    return [event for delivery in deliveries for event in decode_message(delivery.body)]


def run(file: Path | str, *options: str) -> tuple[str, str, str | None]:
    """Run the command; return its output, its errors, and the error that it ended with."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("publish_events", str(file), *options, stdout=out, stderr=err)
    except CommandError as error:
        return out.getvalue(), err.getvalue(), str(error)
    return out.getvalue(), err.getvalue(), None


EVENTS = [event(at=n) for n in range(2500)]
LINES = b"\n".join(one.encode() for one in EVENTS)
NO_IDS = b"\n".join(b'{"user": "anna", "slug": "alien", "at": %d}' % n for n in range(2500))


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


def test_a_cut_file_counts_what_was_published_and_says_where_to_go_on(tmp_path: Path) -> None:
    cut, whole = tmp_path / "cut.gz", tmp_path / "whole.gz"
    content = gzip.compress(NO_IDS)
    whole.write_bytes(content)
    cut.write_bytes(content[: len(content) * 3 // 4])
    _, _, error = run(cut)
    before = queued()
    published = len(before)
    assert 0 < published < 2500
    assert error == (
        f"cannot read {cut}: Compressed file ended before the end-of-stream marker was reached; "
        f"{published} events are published; go on with --from-line {published + 1}"
    )
    assert run(whole, "--from-line", str(published + 1))[0] == f"Published {2500 - published} events.\n"
    assert [one.at for one in [*before, *queued()]] == list(range(2500))


@pytest.mark.parametrize("place", [0.05, 0.25, 0.5, 0.75])
def test_of_a_damaged_file_nothing_is_published(tmp_path: Path, place: float) -> None:
    """A flipped byte can make other valid lines of it, and only the end of the file tells."""
    file = tmp_path / "events.gz"
    content = bytearray(gzip.compress(NO_IDS))
    content[int(place * len(content))] ^= 0xFF
    file.write_bytes(content)
    _, err, error = run(file)
    assert err == ""
    assert error
    assert error.startswith(f"cannot read {file}: it is damaged: ")
    assert error.endswith("; 0 events are published; go on with --from-line 1")
    assert queued() == []


def test_a_damaged_pipe_counts_what_was_published(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(LINES))
    content[len(content) // 2] ^= 0xFF
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    _, _, error = run(pipe)
    writer.join()
    assert error
    assert error.startswith(f"cannot read {pipe}: ")
    assert f"; {len(queued())} events are published" in error


def test_a_file_that_fails_after_refused_lines_still_reports_them(tmp_path: Path) -> None:
    file = tmp_path / "events.gz"
    content = gzip.compress(b"{}\n" + os.urandom(100_000).hex().encode())
    file.write_bytes(content[:-1000])
    _, err, error = run(file)
    assert err.splitlines()[0].startswith("line 1: user: ")
    assert error
    assert error.endswith("0 events are published and 1 lines refused; go on with --from-line 1")


def test_refused_lines_without_number_stay_few(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"x\n" * 30_000)
    out, err, error = run(file)
    assert out == "Published 0 events.\n"
    assert len(err) < 20_000
    assert len(err.splitlines()) == 101
    assert err.splitlines()[-1].startswith("line 101 and perhaps more are refused")
    assert error == "30000 lines were refused and not published"


def test_no_control_character_reaches_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(
        '{"user": "anna", "slug": "alien", "at": 1, "id": "\x1b[2J"}\n{"\\u001b[2J": 1}\n{"id": "\\u009b"}\n'
    )
    _, err, _ = run(file)
    assert len(err.splitlines()) == 3
    assert err.replace("\n", "").isprintable()


def fail_at(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the broker store so many publications and then be away; it stores what it fails at, too."""
    left, store = [count], default_broker().publish

    def publish(messages: Any, *args: Any, **options: Any) -> None:
        store(messages, *args, **options)
        left[0] -= 1
        if left[0] < 0:
            raise BrokerUnavailable("RabbitMQ is away")

    monkeypatch.setattr(default_broker(), "publish", publish)


def test_a_broker_that_is_away_leaves_in_doubt_what_was_in_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at(monkeypatch, 3)
    file = tmp_path / "events.jsonl"
    file.write_bytes(LINES)
    assert run(file)[2] == (
        "RabbitMQ is away; 300 events are published; lines 301 to 400 may be, too; go on with --from-line 301"
    )
    file.write_bytes(NO_IDS)
    assert run(file)[2] == (
        "RabbitMQ is away; 0 events are published; lines 1 to 100 may be, too, "
        "of which 100 have no id and would count again if they are; go on with --from-line 1"
    )


@pytest.mark.parametrize("failure", [BrokerMisconfigured, NothingStored])
def test_a_broker_that_refuses_everything_leaves_nothing_in_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: type[BrokerError]
) -> None:
    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise failure("wrong password")

    monkeypatch.setattr(default_broker(), "publish", refuse)
    file = tmp_path / "events.jsonl"
    file.write_bytes(NO_IDS)
    assert run(file)[2] == "wrong password; 0 events are published; go on with --from-line 1"


def test_ids_made_of_the_line_make_a_repeat_harmless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(NO_IDS)
    with monkeypatch.context() as away:
        fail_at(away, 3)
        _, _, error = run(file, "--stable-ids")
    assert error
    assert error.endswith("lines 301 to 400 may be, too; go on with --from-line 301")
    compressed = tmp_path / "other" / "events.jsonl.GZ"
    compressed.parent.mkdir()
    compressed.write_bytes(gzip.compress(NO_IDS))
    assert run(compressed, "--stable-ids")[0] == "Published 2500 events.\n"
    events = queued()
    assert len(events) == 2900
    assert len({one.id for one in events}) == 2500
    assert all(one.has_own_id and one.id.version == 5 for one in events)


def test_a_source_names_what_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def publish(source: str, lines: bytes) -> list[WatchEvent]:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines)))
        assert run("-", "--source", source)[2] is None
        return queued()

    monday = {one.id for one in publish("monday", NO_IDS)}
    assert monday.isdisjoint(one.id for one in publish("tuesday", NO_IDS))
    longer = {
        one.id for one in publish("monday", gzip.compress(NO_IDS + b'\n{"user": "ben", "slug": "alien", "at": 1}'))
    }
    assert longer > monday
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(NO_IDS)))
    assert run("-", "--source", "")[2] == "--source must not be empty"
    assert run("-", "--stable-ids")[2] == "standard input has no name to make ids of: give it one with --source"


def test_ctrl_c_waits_for_the_broker_and_counts_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left, store = [3], default_broker().publish

    def publish(messages: Any, *args: Any, **options: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            signal.raise_signal(signal.SIGINT)
        store(messages, *args, **options)

    monkeypatch.setattr(default_broker(), "publish", publish)
    before = signal.getsignal(signal.SIGINT)
    file = tmp_path / "events.jsonl"
    file.write_bytes(NO_IDS)
    assert run(file)[2] == "stopped; 300 events are published; go on with --from-line 301"
    assert len(queued()) == 300
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.any_database
def test_ctrl_c_while_the_pipe_is_silent(tmp_path: Path) -> None:
    env = environment(DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}")
    migrate(env)
    command = [sys.executable, "manage.py", "publish_events", "-"]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stderr
        process.stdin.write(b"\n".join(NO_IDS.split(b"\n")[:250]))
        process.stdin.flush()
        wait_for(lambda: waiting(tmp_path / "db.sqlite3") >= 1, 60, "events are published")
        process.send_signal(signal.SIGINT)
        message = process.stderr.read().decode()
        assert process.wait(30) == 130
    found = re.fullmatch(
        r"CommandError: stopped; (\d)00 events are published; go on with --from-line (\d)01\n", message
    )
    assert found, message
    assert found[1] == found[2]


def waiting(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT count(*) FROM broker_message").fetchone()[0])


def test_lines_keep_the_id_that_they_have(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(LINES)
    assert run(file, "--stable-ids")[2] is None
    assert queued() == EVENTS
