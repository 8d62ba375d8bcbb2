"""Files that commands read: from a path or standard input, gzip or not, as a stream in constant memory."""

import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from watchtime.progress import progress_bar

STDIN = "-"
LONGEST_LINE = 2**20  # bytes
CHUNK = 2**20
GZIP = b"\x1f\x8b"  # RFC 1952, section 2.3.1
UTF8_MARK = b"\xef\xbb\xbf"
OTHER_FORMATS = {
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"\x00\x00\xfe\xff": "UTF-32 text",
    b"PK\x03\x04": "a zip archive",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ\0": "compressed by xz",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
}


class Unreadable(Exception):
    """A file cannot be read, or not any further; the message says why."""


@contextmanager
def open_input(file: str, description: str, *, checked: bool = False) -> Iterator[BinaryIO]:
    """Open a file, or standard input for "-", and show a progress bar; yield its bytes, decompressed if they are gzip.

    Opening it and reading from it raise Unreadable. With `checked`, a compressed file that is damaged raises it
    before a byte is read. A pipe can be read only once: its damage shows when it was read.
    """
    with ExitStack() as stack:
        source = _stdin() if file == STDIN else stack.enter_context(_open(file))
        if checked:
            _require_sound(source)
        bar = stack.enter_context(progress_bar(total=_size(source), desc=description, unit="B", unit_scale=True))
        raw = stack.enter_context(io.BufferedReader(_Source(source, bar.update)))
        if raw.peek(len(GZIP))[: len(GZIP)] == GZIP:
            raw = stack.enter_context(io.BufferedReader(_Source(gzip.GzipFile(fileobj=raw))))
        yield raw


def _require_sound(source: BinaryIO) -> None:
    """Decompress a file once to its end: before that, damage can look like other lines.

    What was cut off is taken to be sound up to the cut. Raises Unreadable.
    """
    size = _size(source)
    if size is None:
        return
    try:
        if source.peek(len(GZIP))[: len(GZIP)] != GZIP:  # type: ignore[attr-defined]
            return
        start = source.tell()
        bar = progress_bar(total=size, desc="checking", unit="B", unit_scale=True)
        with bar, gzip.GzipFile(fileobj=source) as decompressed, suppress(EOFError):
            while decompressed.read(CHUNK):
                bar.update(source.tell() - bar.n)
        source.seek(start)
    except (OSError, zlib.error) as error:
        raise Unreadable(f"it is damaged: {error}") from error


def numbered_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, without the space around them, with their numbers from 1 up.

    A line of more than LONGEST_LINE bytes is cut to one byte more than that. A UTF-8 byte order mark is left out.
    Raises Unreadable.
    """
    number = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        rest = line
        while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE + 1)
        if content := (_without_mark(line) if number == 1 else line).strip():
            yield number, content


def _without_mark(line: bytes) -> bytes:
    for mark, kind in OTHER_FORMATS.items():
        if line.startswith(mark):
            raise Unreadable(f"it is {kind}; give UTF-8 text, plain or compressed by gzip")
    return line.removeprefix(UTF8_MARK)


class _Source(io.RawIOBase):
    """Reads from another stream, tells how many bytes came, and raises Unreadable for whatever stops it."""

    def __init__(self, stream: Any, progress: Callable[[int], object] = lambda count: None) -> None:
        self._stream = stream
        self._progress = progress
        self._head = self._read(lambda: stream.read(len(GZIP)))  # a pipe may give them one by one

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head or self._read(lambda: self._stream.read1(len(buffer)))
        self._head = b""
        buffer[: len(data)] = data
        self._progress(len(data))
        return len(data)

    def _read(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except (OSError, EOFError, zlib.error) as error:
            raise Unreadable(str(error)) from error


def _open(file: str) -> BinaryIO:
    try:
        return Path(file).open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise Unreadable(str(error)) from error


def _stdin() -> BinaryIO:
    # None when the process was started without one.
    if sys.stdin is None or sys.stdin.closed:
        raise Unreadable("standard input is closed")
    return sys.stdin.buffer


def _size(source: BinaryIO) -> int | None:
    """Return the size of a regular file in bytes; None for a pipe, whose size is unknown."""
    try:
        status = os.fstat(source.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
