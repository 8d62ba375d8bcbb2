"""Days of a file: the whole file decides how they are written."""

from datetime import date

import pytest

from watchtime.importers.dates import DayFormat
from watchtime.importers.errors import ImportFailed, LeftOut


@pytest.mark.parametrize(
    ("days", "text", "expected"),
    [
        (["13/1/21", "2/1/21"], "2/1/21", date(2021, 1, 2)),
        (["1/13/21", "2/1/2021"], "2/1/2021", date(2021, 2, 1)),
        (["2/2/21", "3/3/21"], "3/3/21", date(2021, 3, 3)),
        (["02.01.21"], "02.01.21", date(2021, 1, 2)),
        (["2. 1. 2021", "2021-01-02"], "2021-01-02", date(2021, 1, 2)),
        (["13/1/21", "2021-01-02", "03.01.2021"], "03.01.2021", date(2021, 1, 3)),
    ],
)
def test_the_file_decides(days: list[str], text: str, expected: date) -> None:
    assert DayFormat(days).parse(text) == expected


@pytest.mark.parametrize(
    ("days", "message"), [(["1/2/21", "3/4/21"], "1/2/21 and all other days fit"), (["13/1/21", "1/13/21"], "both")]
)
def test_ambiguous_files_are_refused(days: list[str], message: str) -> None:
    with pytest.raises(ImportFailed, match=message):
        DayFormat(days)


def test_unless_the_caller_says_it() -> None:
    assert DayFormat(["1/2/21"], "day-first").parse("1/2/21") == date(2021, 2, 1)
    assert DayFormat(["1/2/21"], "month-first").parse("1/2/21") == date(2021, 1, 2)


@pytest.mark.parametrize("text", ["", "yesterday", "32.1.21", "2021-13-01", "30/2/21", "1/2/0001", "1.1.9999"])
def test_what_is_no_day(text: str) -> None:
    with pytest.raises(LeftOut, match="no valid day"):
        DayFormat(["13/1/21"]).parse(text)
