"""`csv`: events in columns named as the fields of the wire format."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from watchtime.events import WatchEvent
from watchtime.importers.distinct import Occurrences
from watchtime.importers.errors import ImportFailed, LeftOut
from watchtime.importers.jsonl import with_id
from watchtime.importers.names import clean, slug_of
from watchtime.importers.rows import Options, Place, Row, Skipped, each, positive
from watchtime.importers.source import Source

FIELDS = set(WatchEvent.model_fields)
COLUMNS = FIELDS | {"title", "duration_seconds"}
TRUTH = {"true": True, "1": True, "false": False, "0": False}


def read(source: Source, options: Options) -> Iterator[Row | Skipped]:
    """Yield a row a line. An empty cell is a field that is not there."""
    delimiter = _delimiter(source)
    records = source.records(delimiter)
    names = _columns(next(records, (Place("line", 1), [""]))[1], options)
    with Occurrences() as occurrences:

        def make(place: Place, record: list[str]) -> Row:
            cells = _cells(names, record)
            event = with_id(WatchEvent.from_fields(_fields(cells, options)), occurrences)
            return Row(place, (event,), clean(cells.get("title", "")), positive(cells.get("duration_seconds")))

        yield from each(records, make)


def _delimiter(source: Source) -> str:
    first = source.beginning().partition(b"\n")[0].decode(errors="replace")
    return max(",;\t", key=first.count)


def _columns(header: Sequence[str], options: Options) -> list[str]:
    names = [name.strip().lower() for name in header]
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or len(set(names)) < len(names):
        raise ImportFailed(
            f"the first line must name the columns, each once, out of {', '.join(sorted(COLUMNS))}; "
            f"it names {', '.join(map(repr, unknown or names))}"
        )
    if "at" not in names or not {"slug", "title"} & set(names):
        raise ImportFailed("the columns must have `at`, and `slug` or `title`")
    if "user" not in names:
        options.only_viewer()
    return names


def _cells(names: Sequence[str], record: Sequence[str]) -> Mapping[str, str]:
    if len(record) > len(names):
        raise LeftOut("more cells than columns")
    cells = {name: cell.strip() for name, cell in zip(names, record, strict=False)}
    return {name: cell for name, cell in cells.items() if cell}


def _fields(cells: Mapping[str, str], options: Options) -> Mapping[str, Any]:
    """Return the event's fields. What is no number and no truth value stays text, which the contract refuses."""
    fields: dict[str, Any] = {name: cell for name, cell in cells.items() if name in FIELDS}
    for name in ("at", "start"):
        if re.fullmatch(r"[0-9]{1,18}", cells.get(name, "")):
            fields[name] = int(cells[name])
    if "positional" in fields:
        fields["positional"] = TRUTH.get(cells["positional"].lower(), cells["positional"])
    if "slug" not in fields and "title" in cells:
        fields["slug"] = slug_of(cells["title"])
    return {**fields, "user": options.viewer(cells.get("user"))}
