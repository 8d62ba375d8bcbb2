"""Every number on a command line has a range, and is refused by its name before anything happens."""

from argparse import ArgumentTypeError

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from watchtime.arguments import whole_number

NO_NUMBERS = [
    "",
    " ",
    "-1",
    "0",
    str(10**21),
    "9" * 5_000,
    "NaN",
    "inf",
    "1e3",
    "1.0",
    "text",
    "0x10",
    "1_000",
    "\uff11",
    "\u00b2",
]
NUMBERS = [
    ("consume", "--parent", ["65536000000"]),
    ("dead_letters list", "--limit", ["65536"]),
    ("demo", "--viewers", ["1001", "65536"]),
    ("publish_events /dev/null", "--from-line", [str(10**15 + 1)]),
    ("serve", "--parent", ["65536000000"]),
]
DATES = ["", "-1", "0", str(10**21), "NaN", "text", "2026-13-01", "2026-01-31T12:00", "0001-01-01T00:00:00+23:59"]
LIFETIMES = ["", "-1h", "0s", "1", f"{10**21}s", "NaN", "1.5h", "\uff11h", "367d", "text"]
WRONG = [
    *((command, option, value) for command, option, more in NUMBERS for value in (*NO_NUMBERS, *more)),
    *(("prune_events", "--before", value) for value in (*DATES, "9999-12-31T23:59:59-23:59")),
    *(("issue_token --subject s --scope totals:read", "--expires", value) for value in LIFETIMES),
]


@pytest.mark.any_database
@pytest.mark.django_db
@pytest.mark.parametrize(("command", "option", "value"), WRONG)
def test_a_wrong_number_is_refused_by_its_name(command: str, option: str, value: str) -> None:
    with CaptureQueriesContext(connection) as queries, pytest.raises(CommandError, match=option) as refused:
        call_command(*command.split(), f"{option}={value}")
    assert len(queries) == 0, "nothing happened"
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("65535", 65_535), ("+7", 7), ("007", 7)])
def test_a_number_within_its_range(text: str, number: int) -> None:
    assert whole_number(1, 65_535)(text) == number


def test_what_is_refused_is_shown_shortened() -> None:
    with pytest.raises(ArgumentTypeError) as refused:
        whole_number(-5, 5)("9" * 5_000)
    assert str(refused.value) == f"must be a whole number from -5 to 5, not '{'9' * 40}...'"
