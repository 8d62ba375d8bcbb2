"""Arguments of commands that are numbers: each has a range, and is refused by its name before anything happens."""

import re
from argparse import ArgumentTypeError
from collections.abc import Callable

WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
LAST_PID = 2**22  # the greatest that Linux gives
LONGEST_SHOWN = 40  # characters of a wrong value in its error


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Return a `type` for argparse: whole numbers from `low` to `high`, in the digits 0 to 9."""

    def read(text: str) -> int:
        if WHOLE_NUMBER.fullmatch(text) and low <= int(text) <= high:
            return int(text)
        shown = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
        raise ArgumentTypeError(f"must be a whole number from {low} to {high}, not {shown!a}")

    return read
