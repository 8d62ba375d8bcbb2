"""`jellystat`: the backup's array of tables."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.watchtime.importers.reading import read, write
from watchtime.importers.errors import ImportFailed

MOVIE: dict[str, Any] = {
    "Id": "9f1c",
    "IsPaused": False,
    "UserId": "8a6a",
    "UserName": "anna",
    "Client": "Jellyfin Web",
    "DeviceName": "Firefox",
    "NowPlayingItemId": "0f00",
    "NowPlayingItemName": "Alien",
    "EpisodeId": None,
    "SeriesName": None,
    "PlaybackDuration": "1000",
    "ActivityDateInserted": "2023-04-05T20:00:00.000Z",
    "ServerId": "5e",
}
EPISODE = {
    **MOVIE,
    "Id": "9f1d",
    "NowPlayingItemId": "5e71e5",
    "EpisodeId": "0f01",
    "NowPlayingItemName": "Pilot",
    "SeriesName": "Show",
    "PlaybackDuration": 60,
}


def backup(path: Path, *rows: Any) -> Path:
    return write(path, json.dumps([{"jf_libraries": [{"Id": 1}]}, {"jf_playback_activity": rows}, {"jf_users": []}]))


def test_plays_end_when_they_were_written(tmp_path: Path) -> None:
    result = read("jellystat", backup(tmp_path / "a.json", MOVIE, EPISODE))
    assert [row.title for row in result.rows] == ["Alien", "Show - Pilot"]
    assert [told[0:1] + told[2:] for told in result.told] == [
        ("anna", 0, 100, False),
        ("anna", 0, 900, False),
        ("anna", 0, 60, False),
    ]
    assert result.events[0].occurred_at == datetime(2023, 4, 5, 19, 43, 20, tzinfo=UTC)
    assert all(row.rest for row in result.rows)


def test_a_play_that_grew_goes_on_where_it_was(tmp_path: Path) -> None:
    later = {**MOVIE, "PlaybackDuration": "1300", "ActivityDateInserted": "2023-04-05T20:06:00.000Z"}
    old, new = (read("jellystat", backup(tmp_path / "a.json", row)).rows[0] for row in (MOVIE, later))
    assert old.rest is not None
    assert new.rest is not None
    assert old.events[0].id == new.events[0].id
    assert [event.at for event in new.rest(1000)] == [300]
    assert new.rest(1300) == ()


def test_rows_that_are_no_plays(tmp_path: Path) -> None:
    changes = [{"Id": None}, {"NowPlayingItemName": ""}, {"PlaybackDuration": "x"}, {"PlaybackDuration": 0}]
    changes += [{"PlaybackDuration": 10**12}, {"ActivityDateInserted": None}, {"UserName": None, "UserId": None}]
    rows = [{**MOVIE, **change} for change in changes]
    assert read("jellystat", backup(tmp_path / "a.json", *rows, 7)).reasons == [
        (1, "no play"),
        (2, "no title"),
        (3, "no valid number"),
        (4, "no seconds watched"),
        (5, "longer than a day"),
        (6, "no valid time"),
        (7, "no viewer (--user says who it was)"),
        (8, "no play"),
    ]


def test_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="this is none"):
        read("jellystat", write(tmp_path / "a.json", "{}"))
