"""`jellyfin`: Playback Reporting's backup and database."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.watchtime.importers.reading import read, write
from watchtime.importers.errors import ImportFailed

USER = "8a6ab0b9fd5c4d8c9d3f0c7a6a3f1c11"
LINES = f"""\
2023-04-05 21:45:00.1234567\t{USER}\t0f00\tMovie\tAlien\tDirectPlay\tJellyfin Web\tFirefox\t1000
2023-04-05 22:45:00\t{USER}\t0f01\tEpisode\tShow - s01e02 - Pi\tlot\tTranscode (v:h264 a:aac)\tAndroid\tPhone\t60
2023-04-05 23:45:00\t{USER}\t0f02\tAudio\tSong\tDirectPlay\tJellyfin Web\tFirefox\t200
2023-04-05 23:46:00\t{USER}\t0f00\tMovie\tAlien\tDirectPlay\tJellyfin Web\tFirefox\t-2147483648
2023-04-05 23:47:00\t{USER}\t0f00\tMovie\tAlien\tDirectPlay\tJellyfin Web\tFirefox\t63900000
2023-04-05 23:48:00\t{USER}\t0f00\tMovie\tAlien\tDirectPlay\tJellyfin Web\tFirefox\t0
broken
yesterday\t{USER}\t0f00\tMovie\tAlien\tDirectPlay\tJellyfin Web\tFirefox\t100
2023-04-05 23:49:00\t\t0f00\tMovie\tAlien\tDirectPlay\tJellyfin Web\tFirefox\t100
"""
BERLIN = ZoneInfo("Europe/Berlin")


def test_plays_have_seconds_and_local_times(tmp_path: Path) -> None:
    result = read("jellyfin", write(tmp_path / "a.tsv", LINES), zone=BERLIN)
    first, second, third = result.events
    assert (first.user, first.slug, first.at, first.positional) == (USER, "alien", 900, False)
    assert first.occurred_at == datetime(2023, 4, 5, 19, 45, 0, 123456, tzinfo=UTC)
    assert (second.at, third.at) == (100, 60)
    assert result.titles == ["Alien", "Show - s01e02 - Pi lot"]
    assert all(row.rest for row in result.rows)
    assert result.reasons == [
        (3, "no video but audio"),
        (4, "a negative duration"),
        (5, "longer than a day"),
        (6, "no seconds watched"),
        (7, "not the nine columns of Playback Reporting"),
        (8, "no valid time"),
        (9, "no viewer (--user says who it was)"),
    ]


def test_a_row_that_grew_keeps_the_ids_that_it_had(tmp_path: Path) -> None:
    old = read("jellyfin", write(tmp_path / "a.tsv", LINES))
    new = read("jellyfin", write(tmp_path / "b.tsv", LINES.replace("\t1000\n", "\t5000\n")))
    assert [event.id for event in old.rows[0].events] == [event.id for event in new.rows[0].events[:2]]


def test_the_database_says_the_same(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "playback_reporting.db")) as connection, connection:
        connection.execute(
            "CREATE TABLE PlaybackActivity (DateCreated DATETIME NOT NULL, UserId TEXT, ItemId TEXT, ItemType TEXT, "
            "ItemName TEXT, PlaybackMethod TEXT, ClientName TEXT, DeviceName TEXT, PlayDuration INT)"
        )
        for line in LINES.splitlines()[:1]:
            connection.execute(f"INSERT INTO PlaybackActivity VALUES ({', '.join('?' * 9)})", line.split("\t"))
    old = read("jellyfin", tmp_path / "playback_reporting.db", users={USER: "anna"})
    new = read("jellyfin", write(tmp_path / "a.tsv", LINES), users={USER: "anna"})
    assert old.events == new.events[:2]
    assert old.events[0].user == "anna"


def test_another_database_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute("CREATE TABLE other (id)")
    with pytest.raises(ImportFailed, match="not Playback Reporting's"):
        read("jellyfin", tmp_path / "a.db")
