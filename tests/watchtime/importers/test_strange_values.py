"""Whatever stands in a field, a row is imported or skipped, and the rows around it are imported."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.watchtime.importers import test_jellystat, test_streamystats, test_tautulli, test_trakt, test_youtube
from tests.watchtime.importers import test_xapi as xapi
from tests.watchtime.importers.reading import read, write

STRANGE: list[Any] = [
    None,
    [],
    {},
    [1],
    {"a": 1},
    "",
    " ",
    "x",
    "\0",
    -1,
    0,
    1.5,
    1e300,
    2**62,
    True,
    False,
    "9" * 5000,
]
Writer = Callable[..., Path]


def lines(path: Path, *rows: Any) -> Path:
    return write(path, "\n".join(map(json.dumps, rows)))


def answer(path: Path, *rows: Any) -> Path:
    return write(path, json.dumps(test_tautulli.answer(*rows)))


def history(path: Path, *rows: Any) -> Path:
    return test_trakt.export(path, watched_history=rows)


def playback(path: Path, *rows: Any) -> Path:
    return test_trakt.export(path, watched_history=[], watched_playback=rows)


FORMATS: list[tuple[str, Writer, dict[str, Any]]] = [
    ("xapi", lines, xapi.statement("0[.]9")),
    ("tautulli", answer, test_tautulli.ANSWER),
    ("jellystat", test_jellystat.backup, test_jellystat.EPISODE),
    ("streamystats", test_streamystats.backup, test_streamystats.SESSION),
    ("youtube", test_youtube.history, test_youtube.ENTRY),
    ("trakt", history, test_trakt.EPISODE),
    ("trakt", playback, test_trakt.RUNTIME),
]


def changed(row: Any) -> Iterator[Any]:
    """Yield the row with each strange value in place of each of its values, and without it."""
    yield from STRANGE
    if isinstance(row, dict):
        for name, value in row.items():
            yield {key: row[key] for key in row if key != name}
            yield from ({**row, name: other} for other in changed(value))


@pytest.mark.parametrize(("name", "writer", "row"), FORMATS, ids=[f"{name}-{row.__name__}" for name, row, _ in FORMATS])
@pytest.mark.parametrize("user", [None, "anna"])
def test_strange_values(tmp_path: Path, name: str, writer: Writer, row: Any, user: str | None) -> None:
    if user is None and name in {"youtube", "trakt"}:
        user = "ben"
    rows = list(changed(row))
    result = read(name, writer(tmp_path / "export", row, *rows, row), user=user)
    assert len(rows) > 80
    assert all(len(row.title) < 6000 for row in result.rows)
    if name != "xapi":  # which gives rows of stretches, not of statements
        assert len(result.rows) + len(result.skipped) == len(rows) + 2
        assert result.rows[0].events == result.rows[-1].events
