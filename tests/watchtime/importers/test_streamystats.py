"""`streamystats`: the backup's sessions."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.watchtime.importers.reading import read, write
from watchtime.importers.errors import ImportFailed

SESSION: dict[str, Any] = {
    "id": "f1d0",
    "serverId": 1,
    "userId": "8a6a",
    "userName": "anna",
    "itemId": "0f00",
    "itemName": "Alien",
    "seriesName": None,
    "playDuration": 600,
    "startTime": "2023-04-05T19:45:00.000Z",
    "endTime": "2023-04-05T19:56:00.000Z",
    "runtimeTicks": 70_200_000_000,
    "positionTicks": 36_000_000_000,
    "completed": False,
    "isInferred": False,
}


def backup(path: Path, *sessions: Any) -> Path:
    return write(path, json.dumps({"exportInfo": {"version": "1"}, "sessions": sessions, "server": {"id": 1}}))


def test_sessions_end_at_their_positions(tmp_path: Path) -> None:
    unknown = {**SESSION, "id": "f1d1", "positionTicks": None, "seriesName": "Show", "userName": None}
    result = read("streamystats", backup(tmp_path / "a.json", SESSION, unknown))
    assert [told[0:1] + told[2:] for told in result.told] == [("anna", 3000, 3600, True), ("8a6a", 0, 600, False)]
    assert result.events[0].occurred_at == datetime(2023, 4, 5, 19, 45, tzinfo=UTC)
    assert [(row.title, row.duration) for row in result.rows] == [("Alien", 7020), ("Show - Alien", 7020)]


def test_sessions_that_are_no_plays(tmp_path: Path) -> None:
    changes: list[dict[str, Any]] = [{"id": None}, {"isInferred": True}, {"itemName": None}, {"playDuration": None}]
    sessions = [{**SESSION, **change} for change in changes]
    assert read("streamystats", backup(tmp_path / "a.json", *sessions)).reasons == [
        (1, "no session"),
        (2, "no play but inferred from a mark"),
        (3, "no title"),
        (4, "no valid number"),
    ]


def test_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="this is none"):
        read("streamystats", write(tmp_path / "a.json", "[]"))
