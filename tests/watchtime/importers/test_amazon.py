"""`amazon`: the viewing history of today's exports."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.watchtime.importers.reading import read, write
from watchtime.importers.errors import ImportFailed

HEADER = (
    "\ufeffTitle,Playback Start Datetime (UTC),Playback End Datetime (UTC),Seconds Viewed,Material Type Description,"
    "Profile Type,Is Autoplay,Is Deleted\n"
)
ROWS = '''\
Alien,2023-04-05T19:45:00Z,2023-04-05T20:00:00Z,600,Feature,ADULT,No,No
"""Show, Season 1: Pilot""","""2023-04-05 21:45:00""","""2023-04-05 22:00:00""","""60""","""Feature""",ADULT,No,No
Alien (Trailer),2023-04-05T19:40:00Z,2023-04-05T19:41:00Z,60,Promotional,ADULT,Yes,No
Alien,yesterday,,60,Feature,ADULT,No,No
Alien,2023-04-05T19:45:00Z,,,Feature,ADULT,No,No
Alien,2023-04-05T19:45:00Z,60
,2023-04-05T19:45:00Z,,60,Feature,ADULT,No,No
'''


def test_viewings_have_seconds(tmp_path: Path) -> None:
    result = read("amazon", write(tmp_path / "a.csv", HEADER + ROWS), user="anna")
    assert [told[2:] for told in result.told] == [(0, 600, False), (0, 60, False)]
    assert result.titles == ["Alien", "Show, Season 1: Pilot"]
    assert [event.occurred_at for event in result.events] == [
        datetime(2023, 4, 5, 19, 45, tzinfo=UTC),
        datetime(2023, 4, 5, 21, 45, tzinfo=UTC),
    ]
    assert result.reasons == [
        (4, "no viewing but a promotional"),
        (5, "no valid time"),
        (6, "no valid number"),
        (7, "another number of columns than the file has"),
        (8, "no title"),
    ]


def test_files_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="Seconds Viewed"):
        read("amazon", write(tmp_path / "a.csv", "Title,Playback Hour\n"), user="anna")
    with pytest.raises(ImportFailed, match="--user NAME"):
        read("amazon", write(tmp_path / "a.csv", HEADER))
