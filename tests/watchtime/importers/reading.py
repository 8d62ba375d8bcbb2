"""Reads a source as the command does, for the tests of single formats."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watchtime.events import WatchEvent
from watchtime.importers import FORMATS
from watchtime.importers.rows import Options, Row, Skipped
from watchtime.importers.source import Source


@dataclass
class Read:
    rows: list[Row]
    skipped: list[tuple[str, int, str]]

    @property
    def events(self) -> list[WatchEvent]:
        return [event for row in self.rows for event in row.events]

    @property
    def told(self) -> list[tuple[str, str, int, int, bool]]:
        """Return who watched what, from where to where, and whether those are moments of the movie."""
        return [(event.user, event.slug, event.start, event.at, event.positional) for event in self.events]

    @property
    def seconds(self) -> int:
        return sum(event.at - event.start for event in self.events)

    @property
    def titles(self) -> list[str]:
        return [row.title for row in self.rows]

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(number, reason) for _, number, reason in self.skipped]


def read(name: str, path: Path, **options: Any) -> Read:
    rows: list[Row] = []
    skipped = []
    for item in FORMATS[name](Source(path), Options(**options)):
        if isinstance(item, Skipped):
            skipped.append((item.place.kind, item.place.number, item.reason))
        else:
            rows.append(item)
    return Read(rows, skipped)


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
