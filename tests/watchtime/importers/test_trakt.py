"""`trakt`: the export's zip."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.watchtime.importers.reading import read, write
from watchtime.importers.errors import ImportFailed

ALIEN = {"title": "Alien", "year": 1979, "ids": {"trakt": 295, "slug": "alien-1979", "imdb": "tt0078748"}}
WATCHED = {"id": 982347, "watched_at": "2023-04-05T19:45:00.000Z", "action": "scrobble", "type": "movie"}
EPISODE = {
    "id": 982348,
    "watched_at": "unknown",
    "action": "watch",
    "type": "episode",
    "episode": {"season": 1, "number": 2, "title": "Pilot", "ids": {"trakt": 1}},
    "show": {"title": "Show", "year": 2008, "ids": {"trakt": 2, "slug": "show"}},
}
PAUSED = {"progress": 25.5, "paused_at": "2023-04-06T19:45:00.000Z", "id": 13, "type": "movie", "movie": ALIEN}
RUNTIME = {"progress": 50, "paused_at": "2023-04-06T19:45:00.000Z", "id": 14, "movie": {**ALIEN, "runtime": 117}}


def export(path: Path, **members: Any) -> Path:
    with ZipFile(path, "w") as archive:
        archive.writestr("anna/user-profile.json", "{}")
        for name, content in members.items():
            archive.writestr(f"anna/{name.replace('_', '-', 1)}.json", json.dumps(content))
    return path


def test_history_and_playback_are_marks(tmp_path: Path) -> None:
    path = export(
        tmp_path / "a.zip",
        **{"watched_history-1": [{**WATCHED, "movie": ALIEN}, {"id": None}], "watched_history-2": [EPISODE]},
        watched_playback=[PAUSED, RUNTIME],
    )
    result = read("trakt", path, user="anna")
    assert all(row.mark for row in result.rows)
    assert result.titles == ["Alien (1979)", "Show - S01E02 - Pilot", "Alien (1979)", "Alien (1979)"]
    assert [told[2:] for told in result.told] == [
        (0, 0, False),
        (0, 0, False),
        (0, 0, False),
        (3510, 3510, True),
    ]
    assert result.rows[3].duration == 117 * 60
    assert result.events[0].occurred_at == datetime(2023, 4, 5, 19, 45, tzinfo=UTC)
    assert result.events[1].occurred_at == datetime(1970, 1, 1, tzinfo=UTC), "unknown"
    assert result.skipped == [("watched-history-1.json item", 2, "no entry of a history")]


def test_entries_that_are_none(tmp_path: Path) -> None:
    entries = [WATCHED, {**WATCHED, "movie": {"year": 1979}}, {**WATCHED, "movie": ALIEN, "watched_at": "soon"}, "text"]
    assert read("trakt", export(tmp_path / "a.zip", watched_history=entries), user="anna").reasons == [
        (1, "neither a movie nor an episode"),
        (2, "no title"),
        (3, "no valid time"),
        (4, "no entry of a history"),
    ]


def test_a_partial_export_is_said(tmp_path: Path) -> None:
    path = export(tmp_path / "a.zip", watched_history=[])
    with ZipFile(path, "a") as archive:
        archive.writestr("anna/_errors.json", "[]")
    assert "could not export everything" in read("trakt", path, user="anna").reasons[0][1]


def test_files_that_are_no_export(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="no watched-history"):
        read("trakt", export(tmp_path / "a.zip"), user="anna")
    with pytest.raises(ImportFailed, match="no zip archive"):
        read("trakt", write(tmp_path / "b.zip", "[]"), user="anna")
    with pytest.raises(ImportFailed, match="--user NAME"):
        read("trakt", export(tmp_path / "c.zip", watched_history=[]))


def test_a_broken_member_is_refused(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("watched-history.json", '[{"id": 1')
    with pytest.raises(ImportFailed, match="no valid JSON"):
        read("trakt", tmp_path / "a.zip", user="anna")
