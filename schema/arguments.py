"""How the arguments of queries are read: keys, times, and arguments of which exactly one is given."""

import re
from datetime import datetime
from typing import Any

from strawberry import UNSET

from schema.errors import BadUserInput
from schema.scalars import read_time
from watchtime.models import MAX_SECONDS

NO_ROW = -1
_PK = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def given(value: Any) -> Any:
    """Return the value of an argument; None when it was left out."""
    return None if value is UNSET else value


def exactly_one(**arguments: str | None) -> list[str | None]:
    """Return the values of the arguments. Raises BadUserInput unless one of them is given and no other."""
    values = [given(value) for value in arguments.values()]
    if sum(value is not None for value in values) != 1:
        raise BadUserInput(f"Give exactly one of {' and '.join(arguments)}.")
    return values


def primary_key(text: str | None) -> int | None:
    """Return the key in a text; NO_ROW, which no row has, when the text is no key."""
    if text is None:
        return None
    return int(text) if _PK.fullmatch(text) and int(text) <= MAX_SECONDS else NO_ROW


def time_of(value: object, argument: str) -> datetime | None:
    """Return the time of an argument in UTC; None when it was left out. Raises BadUserInput for anything else."""
    return None if given(value) is None else read_time(value, argument)
