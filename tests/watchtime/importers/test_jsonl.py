"""`jsonl`: the wire format, with ids made for lines without one."""

import gzip
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.factories import event
from tests.watchtime.importers.reading import read, write
from watchtime.importers import jsonl
from watchtime.importers.rows import Options
from watchtime.importers.source import Source

WITHOUT_ID = '{"user": "anna", "slug": "alien", "at": 60, "occurred_at": "2026-01-01T00:00:00Z"}\n'


def test_events_are_what_the_lines_say(tmp_path: Path) -> None:
    events = [event(at=at, positional=at % 2 == 0) for at in range(50)]
    content = b"\n\n".join(one.encode() for one in events)
    assert read("jsonl", write(tmp_path / "a", content)).events == events
    assert read("jsonl", write(tmp_path / "b", gzip.compress(content))).events == events


def test_ids_of_lines_without_one(tmp_path: Path) -> None:
    first = read("jsonl", write(tmp_path / "a", WITHOUT_ID * 2)).events
    longer = read("jsonl", write(tmp_path / "b", WITHOUT_ID.replace("60", "61") + WITHOUT_ID * 3)).events
    assert len({one.id for one in longer}) == 4
    assert [one.id for one in longer[1:3]] == [one.id for one in first]


def test_broken_lines_are_skipped_with_their_numbers(tmp_path: Path) -> None:
    lines = [event().encode(), b"{", b"\xff", b'{"user": "anna", "slug": "alien", "at": "1"}', b"[]", event().encode()]
    result = read("jsonl", write(tmp_path / "a", b"\n".join(lines)))
    assert len(result.rows) == 2
    assert [number for number, _ in result.reasons] == [2, 3, 4, 5]
    assert result.reasons[2] == (4, "at: Input should be a valid integer")


def test_told_viewers(tmp_path: Path) -> None:
    path = write(tmp_path / "a", WITHOUT_ID + WITHOUT_ID.replace("anna", "ben") + "[]")
    assert [one.user for one in read("jsonl", path, user="cleo").events] == ["cleo", "cleo"]
    assert [one.user for one in read("jsonl", path, users={"ben": "dora"}).events] == ["anna", "dora"]
    nameless = write(tmp_path / "b", WITHOUT_ID.replace('"user": "anna", ', ""))
    assert [one.user for one in read("jsonl", nameless, user="cleo").events] == ["cleo"]
    assert read("jsonl", nameless, users={"ben": "dora"}).reasons[0][1].startswith("user: ")


def test_a_file_left_half_read_is_let_go_in_any_thread(tmp_path: Path) -> None:
    rows = jsonl.read(Source(write(tmp_path / "a", WITHOUT_ID * 2)), Options())
    with ThreadPoolExecutor(1) as pool:
        pool.submit(next, rows).result()
    rows.close()
