"""`netflix`: both files, in the shapes that Netflix writes."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.watchtime.importers.reading import read, write
from watchtime.importers.errors import ImportFailed

HEADER = (
    "Profile Name,Start Time,Duration,Attributes,Title,Supplemental Video Type,"
    "Device Type,Bookmark,Latest Bookmark,Country\n"
)
TAIL = "Not latest view,DE (Germany)"
ROWS = f"""\
Anna,2023-04-05 19:45:00,00:30:00,,Alien,,Samsung TV,01:00:00,{TAIL}
Anna,2023-04-05 19:40:00,00:00:30,Autoplayed: user action: None; ,Alien,,Samsung TV,00:30:00,00:30:00,DE (Germany)
"Kids & Co",2023-04-04 10:00:00,00:10:00,,"Show: Season 1: ""Pilot"" (Episode 1)",,iPad,00:04:00,{TAIL}
Anna,2023-04-04 09:00:00,00:00:20,,Show: Season 1 (Teaser),TEASER_TRAILER,Samsung TV,00:00:20,{TAIL}
Anna,2023-04-04 08:00:00,00:00:07,Autoplayed: user action: None; ,Alien_hook_primary_16x9,HOOK,TV,00:00:07,{TAIL}
"""


def test_views_end_at_their_bookmarks(tmp_path: Path) -> None:
    result = read("netflix", write(tmp_path / "ViewingActivity.csv", HEADER + ROWS))
    assert result.told[:3] == [
        ("Anna", "alien", 1800, 2700, True),
        ("Anna", "alien", 2700, 3600, True),
        ("Anna", "alien", 1770, 1800, True),
    ]
    assert [event.occurred_at.minute for event in result.events[:2]] == [45, 0]
    assert result.events[0].occurred_at == datetime(2023, 4, 5, 19, 45, tzinfo=UTC)
    assert result.skipped == [
        ("line", 5, "no viewing but a teaser_trailer"),
        ("line", 6, "no viewing but a hook"),
    ]


def test_what_was_rewound_keeps_the_total_exact(tmp_path: Path) -> None:
    result = read("netflix", write(tmp_path / "a.csv", HEADER + ROWS))
    rewound = result.rows[2]
    assert [(event.start, event.at, event.positional) for event in rewound.events] == [
        (0, 360, False),
        (0, 240, True),
    ]
    assert rewound.events[0].user.startswith("Kids_Co+")
    assert rewound.title == 'Show: Season 1: "Pilot" (Episode 1)'
    assert result.seconds == 1800 + 30 + 600


@pytest.mark.parametrize("header", ["", HEADER.replace("Start Time", "StartTime"), "\ufeff" + HEADER])
def test_headers_of_all_kinds(tmp_path: Path, header: str) -> None:
    result = read("netflix", write(tmp_path / "a.csv", header + ROWS))
    assert result.events == read("netflix", write(tmp_path / "b.csv", HEADER + ROWS)).events


def test_profiles_can_be_mapped(tmp_path: Path) -> None:
    result = read("netflix", write(tmp_path / "a.csv", HEADER + ROWS), users={"Kids & Co": "kids"})
    assert {event.user for event in result.events} == {"Anna", "kids"}


def test_rows_that_differ_in_the_bookmark_alone_are_two(tmp_path: Path) -> None:
    row = f"Anna,2023-04-05 19:45:00,00:10:00,,Alien,,TV,01:00:00,{TAIL}\n"
    other, later = row.replace("01:00:00", "00:50:00"), row.replace("Not latest view", "01:00:00")
    ids = [event.id for event in read("netflix", write(tmp_path / "a.csv", HEADER + row + other + later)).events]
    assert ids[0] != ids[1]
    assert ids[0] == ids[2], "the latest bookmark changes with each export"


def test_broken_rows_are_skipped(tmp_path: Path) -> None:
    rows = "".join(
        f"{row},{TAIL}\n"
        for row in (
            "Anna,yesterday,00:10:00,,Alien,,TV,01:00:00",
            "Anna,2023-04-05 19:45:00,ten minutes,,Alien,,TV,01:00:00",
            "Anna,2023-04-05 19:45:00,00:00:00,,Alien,,TV,01:00:00",
            "Anna,2023-04-05 19:45:00,00:10:00,, ,,TV,01:00:00",
            "Anna,2023-04-05 19:45:00,00:10:00,,Alien,,TV",
            " ,2023-04-05 19:45:00,00:10:00,,Alien,,TV,01:00:00",
            "Anna,2090-04-05 19:45:00,00:10:00,,Alien,,TV,01:00:00",
        )
    )
    assert read("netflix", write(tmp_path / "a.csv", HEADER + rows)).reasons == [
        (2, "no valid time"),
        (3, "no valid duration"),
        (4, "no seconds watched"),
        (5, "no title"),
        (6, "another number of columns than the file has"),
        (7, "no viewer (--user says who it was)"),
        (8, "occurred_at: Enter a time at most 86400 seconds in the future"),
    ]


def test_a_row_without_a_bookmark_has_seconds_only(tmp_path: Path) -> None:
    row = f"Anna,2023-04-05 19:45:00,00:10:00,,Alien,,TV,,{TAIL}\n"
    assert read("netflix", write(tmp_path / "a.csv", HEADER + row)).told == [("Anna", "alien", 0, 600, False)]


HISTORY = 'Title,Date\n"Alien","1/13/23"\n"Alien","1/13/23"\n"Show: Season 1: ""Pilot""","1/2/23"\n'


def test_the_short_history_tells_days_only(tmp_path: Path) -> None:
    zone = ZoneInfo("Pacific/Auckland")
    result = read("netflix", write(tmp_path / "NetflixViewingHistory.csv", HISTORY), user="anna", zone=zone)
    assert [(event.at, event.positional) for event in result.events] == [(0, False)] * 3
    assert all(row.mark for row in result.rows)
    assert [event.occurred_at.astimezone(zone).isoformat() for event in result.events[1:]] == [
        "2023-01-13T12:00:00+13:00",
        "2023-01-02T12:00:00+13:00",
    ]
    assert len({event.id for event in result.events}) == 3


def test_a_longer_history_has_the_old_ids(tmp_path: Path) -> None:
    old = read("netflix", write(tmp_path / "a.csv", HISTORY), user="anna")
    longer = HISTORY.replace("Title,Date\n", 'Title,Date\n"Alien","1/14/23"\n')
    new = read("netflix", write(tmp_path / "b.csv", longer), user="anna")
    assert {event.id for event in old.events} < {event.id for event in new.events}
    assert len(new.events) == 4


def test_the_short_history_needs_a_viewer_and_clear_days(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'Title,Date\n"Alien","1/2/23"\n')
    with pytest.raises(ImportFailed, match="--user NAME"):
        read("netflix", path)
    with pytest.raises(ImportFailed, match="--dates"):
        read("netflix", path, user="anna")
    assert read("netflix", path, user="anna", dates="day-first").events[0].occurred_at.month == 2


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "<html>"])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(ImportFailed, match="neither"):
        read("netflix", write(tmp_path / "a.csv", content))
