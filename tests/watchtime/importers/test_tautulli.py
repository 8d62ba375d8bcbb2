"""`tautulli`: its database in today's and an older shape, and its API's answer."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.watchtime.importers.reading import read, write
from watchtime.importers.errors import ImportFailed

SCHEMA = """
    CREATE TABLE session_history (id INTEGER PRIMARY KEY AUTOINCREMENT, reference_id INTEGER, started INTEGER,
        stopped INTEGER, rating_key INTEGER, user_id INTEGER, user TEXT, ip_address TEXT,
        paused_counter INTEGER DEFAULT 0, player TEXT, product TEXT, platform TEXT, machine_id TEXT,
        parent_rating_key INTEGER, grandparent_rating_key INTEGER, media_type TEXT, view_offset INTEGER DEFAULT 0);
    CREATE TABLE session_history_metadata (id INTEGER PRIMARY KEY, rating_key INTEGER, title TEXT, parent_title TEXT,
        grandparent_title TEXT, full_title TEXT, media_index INTEGER, parent_media_index INTEGER, media_type TEXT,
        year INTEGER, duration INTEGER DEFAULT 0);
    CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER DEFAULT NULL UNIQUE,
        username TEXT NOT NULL, friendly_name TEXT);
    INSERT INTO users (user_id, username, friendly_name) VALUES (8008135, 'anna', 'Anna the Great');
"""
STARTED = int(datetime(2023, 4, 5, 19, 45, tzinfo=UTC).timestamp())
ALIEN = {"title": "Alien", "year": 1979, "duration": 7_020_000, "media_type": "movie"}
PILOT = {
    "title": "Pilot",
    "grandparent_title": "Show",
    "parent_media_index": 1,
    "media_index": 2,
    "duration": 1_800_000,
    "media_type": "episode",
}
PLAY = {
    "user_id": 8008135,
    "user": "Anna the Great",
    "machine_id": "tv",
    "started": STARTED,
    "stopped": STARTED + 1000,
    "paused_counter": 100,
    "view_offset": 3_000_500,
    "media_type": "movie",
}


def database(path: Path, *plays: tuple[dict[str, Any], dict[str, Any]]) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SCHEMA)
        for number, rows in enumerate(plays, 1):
            for table, row in zip(("session_history", "session_history_metadata"), rows, strict=True):
                names = ", ".join(("id", *row))
                marks = ", ".join("?" * (1 + len(row)))
                connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", [number, *row.values()])
    return path


def test_a_play_ends_at_its_offset_without_the_pauses(tmp_path: Path) -> None:
    result = read("tautulli", database(tmp_path / "tautulli.db", (PLAY, ALIEN)))
    assert [told[2:] for told in result.told] == [(2100, 3000, True)]
    assert result.events[0].user == "anna"
    assert result.events[0].occurred_at == datetime(2023, 4, 5, 19, 45, tzinfo=UTC)
    assert (result.rows[0].title, result.rows[0].duration) == ("Alien (1979)", 7020)


def test_episodes_and_viewers_that_are_no_users_any_more(tmp_path: Path) -> None:
    play = {**PLAY, "media_type": "episode", "user_id": 7, "view_offset": 0}
    result = read("tautulli", database(tmp_path / "tautulli.db", (play, PILOT)), users={"Anna the Great": "great"})
    assert result.titles == ["Show - S01E02 - Pilot"]
    assert result.told == [("great", result.events[0].slug, 0, 900, False)]


def test_a_database_of_another_version(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.executescript(
            "CREATE TABLE session_history (id INTEGER PRIMARY KEY, started INTEGER, stopped INTEGER, user_id INTEGER, "
            "user TEXT, paused_counter INTEGER, view_offset INTEGER);"
            "CREATE TABLE session_history_metadata (id INTEGER PRIMARY KEY, title TEXT, duration INTEGER);"
            f"INSERT INTO session_history VALUES (1, {STARTED}, {STARTED + 600}, 7, 'anna', 0, 900000),"
            f"(2, {STARTED}, {STARTED + 600}, 7, 'anna', 0, 900000);"
            "INSERT INTO session_history_metadata VALUES (1, 'Alien', 7020000), (2, 'Alien', 7020000);"
        )
    result = read("tautulli", tmp_path / "a.db")
    assert result.told == [("anna", "alien", 300, 900, True)] * 2
    assert result.events[0].id != result.events[1].id


def test_rows_that_are_no_plays(tmp_path: Path) -> None:
    changes = [
        {"stopped": None},
        {"media_type": "track"},
        {"paused_counter": 1000},
        {"paused_counter": 2000},
        {"stopped": STARTED + 90_000, "paused_counter": 0},
        {"user_id": None, "user": None},
    ]
    rows = [({**PLAY, **change}, ALIEN) for change in changes]
    result = read("tautulli", database(tmp_path / "tautulli.db", *rows, (PLAY, {"title": None})))
    assert result.skipped == [
        ("row", 1, "still playing"),
        ("row", 2, "no video but a track"),
        ("row", 3, "no seconds watched"),
        ("row", 4, "a negative duration"),
        ("row", 5, "longer than a day"),
        ("row", 6, "no viewer (--user says who it was)"),
        ("row", 7, "no title"),
    ]


def test_another_database_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute("CREATE TABLE session_history (id)")
    with pytest.raises(ImportFailed, match="not Tautulli's"):
        read("tautulli", tmp_path / "a.db")


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    path = database(tmp_path / "tautulli.db", (PLAY, ALIEN))
    write(path, path.read_bytes()[:5000])
    with pytest.raises(ImportFailed, match="cannot read the SQLite file"):
        read("tautulli", path)


ANSWER = {
    "date": STARTED,
    "duration": 263,
    "friendly_name": "Anna the Great",
    "full_title": "Alien",
    "group_count": 1,
    "group_ids": "1124",
    "id": 1124,
    "machine_id": "tv",
    "media_type": "movie",
    "paused_counter": 0,
    "play_duration": 263,
    "reference_id": 1123,
    "row_id": 1124,
    "started": STARTED,
    "state": None,
    "stopped": STARTED + 263,
    "title": "Alien",
    "user": "anna",
    "user_id": 8008135,
    "year": 1979,
}


def answer(*rows: Any) -> dict[str, Any]:
    data = {"draw": 1, "recordsTotal": len(rows), "total_duration": "42 days", "data": list(rows)}
    return {"response": {"result": "success", "message": None, "data": data}}


@pytest.mark.parametrize("shape", [lambda whole: whole, lambda whole: whole["response"]["data"]])
def test_the_api_tells_seconds_only(tmp_path: Path, shape: Any) -> None:
    result = read("tautulli", write(tmp_path / "a.json", json.dumps(shape(answer(ANSWER)))))
    assert [(told[0], *told[2:]) for told in result.told] == [("anna", 0, 263, False)]
    assert result.rows[0].rest
    assert result.titles == ["Alien (1979)"]


def test_both_sources_name_a_play_alike(tmp_path: Path) -> None:
    old = read("tautulli", database(tmp_path / "tautulli.db", (PLAY, ALIEN)))
    new = read("tautulli", write(tmp_path / "a.json", json.dumps([ANSWER])))
    assert old.events[0].id == new.events[0].id


def test_live_rows_and_others_that_are_no_plays(tmp_path: Path) -> None:
    old = {name: value for name, value in ANSWER.items() if name not in {"play_duration", "machine_id"}}
    live = {**ANSWER, "row_id": None, "id": None, "state": "playing"}
    rows = [live, {**ANSWER, "media_type": "track"}, 7, {**ANSWER, "play_duration": None, "duration": None}, old]
    result = read("tautulli", write(tmp_path / "a.json", json.dumps(answer(*rows))))
    assert result.reasons == [
        (1, "still playing"),
        (2, "no video but a track"),
        (3, "no play"),
        (4, "no valid number"),
    ]
    assert result.seconds == 263


def test_broken_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="no valid JSON after 1 items"):
        read("tautulli", write(tmp_path / "a.json", f"[{json.dumps(ANSWER)}, {{"))
