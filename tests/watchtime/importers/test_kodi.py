"""`kodi`: the video database."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.watchtime.importers.reading import read
from watchtime.importers.errors import ImportFailed

SCHEMA = """
    CREATE TABLE path (idPath INTEGER PRIMARY KEY, strPath TEXT);
    CREATE TABLE files (idFile INTEGER PRIMARY KEY, idPath INTEGER, strFilename TEXT, playCount INTEGER,
        lastPlayed TEXT, dateAdded TEXT);
    CREATE TABLE movie (idMovie INTEGER PRIMARY KEY, idFile INTEGER, c00 TEXT);
    CREATE TABLE episode (idEpisode INTEGER PRIMARY KEY, idFile INTEGER, c00 TEXT, c12 VARCHAR(24), c13 VARCHAR(24),
        idShow INTEGER);
    CREATE TABLE tvshow (idShow INTEGER PRIMARY KEY, c00 TEXT);
    CREATE TABLE bookmark (idBookmark INTEGER PRIMARY KEY, idFile INTEGER, timeInSeconds DOUBLE,
        totalTimeInSeconds DOUBLE, type INTEGER);
    INSERT INTO path VALUES (1, 'smb://server/');
    INSERT INTO tvshow VALUES (1, 'Show');
    INSERT INTO files VALUES (1, 1, 'alien.mkv', 2, '2023-04-05 21:45:00', ''), (2, 1, 'show.mkv', NULL, NULL, ''),
        (3, 1, 'double.mkv', 1, '2023-04-05 21:45:00', ''), (4, 1, 'clip.mkv', 1, NULL, ''),
        (5, 1, 'new.mkv', NULL, NULL, '');
    INSERT INTO movie VALUES (1, 1, 'Alien'), (2, 5, 'New');
    INSERT INTO episode VALUES (1, 2, 'Pilot', '1', '1', 1), (2, 3, 'Two', '1', '2', 1), (3, 3, 'Three', '1', '3', 1);
    INSERT INTO bookmark VALUES (1, 2, 300.5, 1800.0, 1), (2, 1, 20.0, 7020.0, 0);
"""


def database(path: Path, change: str = "") -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SCHEMA + change)
    return path


def test_plays_and_resume_moments_are_marks(tmp_path: Path) -> None:
    result = read("kodi", database(tmp_path / "a.db"), user="anna", zone=ZoneInfo("Europe/Berlin"))
    told: list[Any] = [
        (title, event.at, event.positional, event.occurred_at.year)
        for title, event in zip(result.titles, result.events, strict=True)
    ]
    assert told == [
        ("Alien", 0, False, 1970),
        ("Alien", 0, False, 2023),
        ("Show - S01E01 - Pilot", 300, True, 1970),
        ("Show - S01E02 - Two", 0, False, 2023),
        ("Show - S01E03 - Three", 0, False, 2023),
    ]
    assert all(row.mark for row in result.rows)
    assert result.events[1].occurred_at == datetime(2023, 4, 5, 19, 45, tzinfo=UTC)
    assert result.rows[2].duration == 1800
    assert result.skipped == [("file", 4, "neither a movie nor an episode")]
    assert len({event.id for event in result.events}) == 5


def test_another_play_is_another_mark(tmp_path: Path) -> None:
    old = read("kodi", database(tmp_path / "a.db"), user="anna")
    played = "UPDATE files SET playCount = 3, lastPlayed = '2023-05-01 20:00:00' WHERE idFile = 1;"
    new = read("kodi", database(tmp_path / "b.db", played), user="anna")
    assert {event.id for event in old.events} < {event.id for event in new.events}
    assert len(new.events) == len(old.events) + 1


def test_files_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="no video database"):
        read("kodi", Path(__file__), user="anna")
    with pytest.raises(ImportFailed, match="--user NAME"):
        read("kodi", database(tmp_path / "a.db"))
