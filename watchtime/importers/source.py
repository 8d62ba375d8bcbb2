"""A file to import: read as a stream, plain or compressed, and never held in memory."""

import csv
import gzip
import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from io import StringIO, TextIOWrapper
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

import ijson

from watchtime.importers.errors import ImportFailed
from watchtime.importers.rows import Place
from watchtime.lines import GZIP, UTF8_MARK, Unreadable, numbered_lines, open_input
from watchtime.progress import progress_bar

BEGINNING = 4096  # bytes
SQLITE = b"SQLite format 3\0"


class Source:
    """A file that can be read several times, each with a progress bar. Reading it raises Unreadable."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def beginning(self) -> bytes:
        """Return the first bytes, decompressed, without a byte order mark and blanks."""
        try:
            with ExitStack() as stack:
                raw = stack.enter_context(self.path.open("rb"))
                compressed = raw.peek(len(GZIP)).startswith(GZIP)
                stream = stack.enter_context(gzip.open(raw)) if compressed else raw
                return stream.read(BEGINNING).removeprefix(UTF8_MARK).lstrip()
        except (OSError, EOFError, zlib.error) as error:
            raise Unreadable(str(error)) from error

    def lines(self) -> Iterator[tuple[Place, bytes]]:
        """Yield the lines that are not blank, with their numbers from 1 up."""
        with open_input(str(self.path), "importing") as stream:
            for number, line in numbered_lines(stream):
                yield Place("line", number), line

    def text_lines(self) -> Iterator[tuple[Place, str]]:
        """Yield the lines as text; bytes that are no UTF-8 come as lone surrogates, which the names refuse."""
        for place, line in self.lines():
            yield place, line.decode(errors="surrogateescape")

    def first_record(self) -> list[str]:
        """Return the first record of a CSV file; nothing where there is none."""
        try:
            return next(csv.reader(StringIO(self.beginning().decode(errors="replace"), newline="")), [])
        except csv.Error:
            return []

    def records(self, delimiter: str = ",", description: str = "importing") -> Iterator[tuple[Place, list[str]]]:
        """Yield the records of a CSV file, with the number of the line that each ends on.

        Bytes that are no UTF-8 come as lone surrogates, which the names refuse.
        """
        with open_input(str(self.path), description) as stream:
            text = TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
            reader = csv.reader(text, delimiter=delimiter)
            try:
                for record in reader:
                    if record:
                        yield Place("line", reader.line_num), record
            except csv.Error as error:
                raise ImportFailed(f"line {reader.line_num} is no CSV: {error}") from error

    def items(self, prefix: str) -> Iterator[tuple[Place, Any]]:
        """Yield what stands under a prefix of a JSON document, as ijson names it, numbered from 1 up."""
        with open_input(str(self.path), "importing") as stream:
            yield from _items(stream, prefix)

    def objects(self) -> Iterator[tuple[Place, Any]]:
        """Yield the values of a JSON array, or of JSON lines, whichever this is; None for a broken line."""
        if self.beginning().startswith(b"["):
            yield from self.items("item")
        else:
            for place, line in self.lines():
                yield place, _json(line)

    def is_sqlite(self) -> bool:
        return self.beginning().startswith(SQLITE)

    def select(self, sql: str) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of a SELECT from a SQLite file, which is only read."""
        with closing(sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            connection.text_factory = lambda data: data.decode(errors="replace")
            try:
                total = connection.execute(f"SELECT COUNT(*) FROM ({sql})").fetchone()[0]  # noqa: S608
                for row in progress_bar(iterable=connection.execute(sql), total=total, desc="importing", unit=" rows"):
                    yield dict(row)
            except sqlite3.DatabaseError as error:
                raise ImportFailed(f"cannot read the SQLite file: {error}") from error

    def tables(self) -> Mapping[str, Sequence[str]]:
        """Return the columns of each table of a SQLite file."""
        columns: dict[str, list[str]] = {}
        sql = "SELECT m.name AS t, c.name AS c FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
        for row in self.select(sql):
            columns.setdefault(row["t"], []).append(row["c"])
        return columns

    def members(self) -> list[str]:
        """Return the names of the files in a zip archive, in order."""
        try:
            with ZipFile(self.path) as archive:
                return sorted(archive.namelist())
        except BadZipFile as error:
            raise ImportFailed(f"this is no zip archive: {error}") from error
        except OSError as error:
            raise Unreadable(str(error)) from error

    def member_items(self, member: str, prefix: str) -> Iterator[tuple[Place, Any]]:
        """Yield what stands under a prefix of a JSON document in a zip archive; the place is named by its file."""
        kind = f"{member.rpartition('/')[2]} item"
        try:
            with ZipFile(self.path) as archive, archive.open(member) as stream:
                for place, item in progress_bar(iterable=_items(stream, prefix), desc=member, unit=" rows"):
                    yield Place(kind, place.number), item
        except (BadZipFile, EOFError, OSError, zlib.error, NotImplementedError, RuntimeError) as error:
            raise ImportFailed(f"cannot read {member}: {error}") from error


def _items(stream: IO[bytes], prefix: str) -> Iterator[tuple[Place, Any]]:
    """Yield what stands under a prefix of a JSON stream. Raises ImportFailed where that is no JSON."""
    number = 0
    try:
        for item in ijson.items(stream, prefix, use_float=True):
            number += 1
            yield Place("item", number), item
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise ImportFailed(f"no valid JSON after {number} items: {error}") from error


def _json(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
