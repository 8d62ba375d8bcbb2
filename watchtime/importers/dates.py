"""Days as people write them, in a file that does not say how."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Literal

from watchtime.importers.errors import ImportFailed, LeftOut

SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})")
DOTS = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4}|\d{2})\.?")
ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)")


class DayFormat:
    """Reads the days of one file: ISO, with dots (day first), or with slashes, whose order the whole file decides."""

    def __init__(self, days: Iterable[str], told: Literal["day-first", "month-first"] | None = None) -> None:
        """Look at every day of the file. Raises ImportFailed where both orders fit and give different days."""
        self._day_first = told == "day-first" if told else self._decide(days)

    @staticmethod
    def _decide(days: Iterable[str]) -> bool:
        ambiguous, over_12 = "", [False, False]
        for text in days:
            if match := SLASHES.fullmatch(text.strip()):
                numbers = int(match[1]), int(match[2])
                over_12 = [was or number > 12 for was, number in zip(over_12, numbers, strict=True)]
                if not ambiguous and numbers[0] != numbers[1]:
                    ambiguous = text.strip()
        if all(over_12):
            raise ImportFailed("the file has days both day first and month first: say how to read them with --dates")
        if ambiguous and not any(over_12):
            raise ImportFailed(f"{ambiguous} and all other days fit day first and month first: say which with --dates")
        return over_12[0]

    def parse(self, text: str) -> date:
        """Return a day; years of two digits are of this century. Raises LeftOut."""
        text = text.strip()
        if match := ISO.fullmatch(text):
            year, month, day = match.groups()
        elif match := DOTS.fullmatch(text):
            day, month, year = match.groups()
        elif match := SLASHES.fullmatch(text):
            first, second, year = match.groups()
            day, month = (first, second) if self._day_first else (second, first)
        else:
            raise LeftOut("no valid day")
        try:
            parsed = date(int(year) + (2000 if len(year) == 2 else 0), int(month), int(day))
        except ValueError:
            raise LeftOut("no valid day") from None
        if not 1900 <= parsed.year <= 9000:
            raise LeftOut("no valid day")
        return parsed
