"""Reading files: gzip or not, from pipes, cut, corrupt, with lines without end."""

import gzip
import io
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from watchtime.lines import LONGEST_LINE, Unreadable, numbered_lines, open_input

TEXT = b"".join(b"line %d\n" % number for number in range(1, 20_001))
LINES = [(number, b"line %d" % number) for number in range(1, 20_001)]


def read(file: Path | str) -> list[tuple[int, bytes]]:
    with open_input(str(file), "reading") as stream:
        return list(numbered_lines(stream))


def read_until_it_fails(file: Path) -> tuple[list[tuple[int, bytes]], str]:
    lines: list[tuple[int, bytes]] = []
    with pytest.raises(Unreadable) as unreadable, open_input(str(file), "reading") as stream:
        lines.extend(numbered_lines(stream))
    return lines, str(unreadable.value)


@pytest.mark.parametrize("name", ["events.jsonl", "events.jsonl.gz", "EVENTS.GZ", "events"])
@pytest.mark.parametrize("content", [TEXT, gzip.compress(TEXT), gzip.compress(TEXT[:14]) + gzip.compress(TEXT[14:])])
def test_the_first_bytes_say_what_is_compressed(tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert read(file) == LINES


@pytest.mark.parametrize("content", [TEXT, gzip.compress(TEXT)])
def test_standard_input(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert read("-") == LINES


@pytest.mark.parametrize("content", [TEXT, gzip.compress(TEXT)])
def test_a_pipe_that_gives_its_first_bytes_one_by_one(tmp_path: Path, content: bytes) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        with pipe.open("wb", buffering=0) as file:
            for part in (content[:1], content[1:2], content[2:]):
                file.write(part)

    writer = threading.Thread(target=write)
    writer.start()
    assert read(pipe) == LINES
    writer.join()


@pytest.mark.parametrize("stdin", [None, "closed"])
def test_closed_standard_input(monkeypatch: pytest.MonkeyPatch, stdin: Any) -> None:
    if stdin:
        stdin = io.TextIOWrapper(io.BytesIO())
        stdin.close()
    monkeypatch.setattr("sys.stdin", stdin)
    with pytest.raises(Unreadable, match="standard input is closed"):
        read("-")


def test_blank_lines_are_left_out_and_counted(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"\xef\xbb\xbfone\r\n\r\n  \n four \n\xef\xbb\xbffive")
    assert read(file) == [(1, b"one"), (4, b"four"), (5, b"\xef\xbb\xbffive")]


def test_nothing_at_all(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    for content in (b"", b"\n", gzip.compress(b""), b"\xef\xbb\xbf"):
        file.write_bytes(content)
        assert read(file) == []


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "lines.gz"
    file.write_bytes(gzip.compress(b"one\n" + b"x" * (5 * LONGEST_LINE) + b"\nthree\n" + b"y" * LONGEST_LINE + b"\n5"))
    lines = read(file)
    assert [(number, len(line)) for number, line in lines] == [
        (1, 3),
        (2, LONGEST_LINE + 1),
        (3, 5),
        (4, LONGEST_LINE),
        (5, 1),
    ]


def test_a_cut_file_gives_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "lines.gz"
    whole = gzip.compress(TEXT)
    file.write_bytes(whole[: len(whole) * 3 // 4])
    lines, problem = read_until_it_fails(file)
    assert 10_000 < len(lines) < 20_000
    assert lines == LINES[: len(lines)]
    assert "ended before" in problem


@pytest.mark.parametrize("place", [0.02, 0.5, 0.99])
def test_a_flipped_byte(tmp_path: Path, place: float) -> None:
    file = tmp_path / "lines.gz"
    content = bytearray(gzip.compress(TEXT))
    content[10 + int(place * (len(content) - 10))] ^= 0xFF
    file.write_bytes(content)
    _, problem = read_until_it_fails(file)
    assert problem


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("text".encode("utf-16"), "UTF-16"),
        (b"\xfe\xff\0t", "UTF-16"),
        (b"PK\x03\x04", "zip"),
        (b"BZh9", "bzip2"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, content: bytes, kind: str) -> None:
    file = tmp_path / "lines"
    file.write_bytes(content)
    with pytest.raises(Unreadable, match=kind):
        read(file)


@pytest.mark.parametrize("name", ["none", "nul\0", ""])
def test_what_cannot_be_opened(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unreadable, match=r"."):
        read(f"{tmp_path}/{name}")
