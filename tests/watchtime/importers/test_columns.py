"""`csv`: our columns, from spreadsheets of all kinds."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from tests.watchtime.importers.reading import read, write
from watchtime.importers.errors import ImportFailed

ID = "0191e0b6-5a4c-7000-8000-000000000001"
FULL = f"""id,user,slug,start,at,occurred_at,positional,title,duration_seconds
{ID},anna,alien,60,180,2026-01-01T20:00:00+01:00,true,Alien,7020
,ben,alien,,90,2026-01-01T20:00:00Z,false,,
"""


def test_every_column(tmp_path: Path) -> None:
    result = read("csv", write(tmp_path / "a.csv", FULL))
    assert result.told == [("anna", "alien", 60, 180, True), ("ben", "alien", 0, 90, False)]
    assert result.events[0].id == UUID(ID)
    assert result.events[0].occurred_at == datetime(2026, 1, 1, 19, tzinfo=UTC)
    assert (result.rows[0].title, result.rows[0].duration) == ("Alien", 7020)
    assert (result.rows[1].title, result.rows[1].duration) == ("", None)


@pytest.mark.parametrize("change", [(",", ";"), (",", "\t"), ("\n", "\r\n"), ("id,user", "\ufeffID, User ")])
def test_what_spreadsheets_write(tmp_path: Path, change: tuple[str, str]) -> None:
    result = read("csv", write(tmp_path / "a.csv", FULL.replace(*change)))
    assert [told[:2] for told in result.told] == [("anna", "alien"), ("ben", "alien")]


def test_a_title_makes_the_slug(tmp_path: Path) -> None:
    result = read("csv", write(tmp_path / "a.csv", 'title,at\n"Alien",5\n"Alien, the ""cut""",7\n,8\n'), user="anna")
    assert result.told[0] == ("anna", "alien", 0, 5, True)
    assert result.told[1][1].startswith("alien-the-cut-")
    assert result.titles == ["Alien", 'Alien, the "cut"']
    assert result.reasons == [(4, "slug: Field required")]


def test_lines_are_skipped_with_their_numbers(tmp_path: Path) -> None:
    content = b"user,slug,at,start\nanna,a,1\nanna,a,x\nanna,a,-1\nanna,a,1,2\nanna,a,1,0,0\n,a,1\nan\xffna,a,1\n"
    result = read("csv", write(tmp_path / "a.csv", content))
    assert len(result.rows) == 1
    assert [number for number, _ in result.reasons] == [3, 4, 5, 6, 7, 8]
    assert result.reasons[0] == (3, "at: Input should be a valid integer")
    assert result.reasons[-2:] == [
        (7, "no viewer (--user says who it was)"),
        (8, "a text that is not valid Unicode"),
    ]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("user,slug,att", "'att'"),
        ("user,slug,at,at", "each once"),
        ("user,slug", "must have `at`"),
        ("user,at", "`slug` or `title`"),
        ("slug,at", "--user NAME"),
        ("", "name the columns"),
    ],
)
def test_wrong_columns_are_refused(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(ImportFailed, match=message):
        read("csv", write(tmp_path / "a.csv", header + "\n"))
