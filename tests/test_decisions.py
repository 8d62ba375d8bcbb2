"""The index of decisions against the records themselves."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.services import ROOT

INDEX = ROOT / "docs" / "decisions.md"
PAGES = sorted((ROOT / "docs" / "decisions").glob("*.md"))
RECORD = re.compile(
    r"^### (\d+)\. ([^\n]+)\n\*(\d{4}-\d\d-\d\d) · ([^\n]+)\*\n\n(.+?)(?=^### |\Z)", re.MULTILINE | re.DOTALL
)
ROW = re.compile(r"^\| (\d+) \| \[(.+)\]\(decisions/([a-z-]+\.md)#\S+\) \| (\S+) \| (.+) \|$", re.MULTILINE)
LINK = re.compile(r"\[(\d+)\]\([^)]*\)")
STATUS = re.compile(r"Accepted|Withdrawn|(?:Amended|Superseded) by (\d+)")


class Record(NamedTuple):
    """What the index says of a record, and its heading and second line as well."""

    number: str
    title: str
    page: str
    date: str
    status: str


def records(page: Path) -> dict[Record, str]:
    """Return the records of a page with their texts."""
    return {
        Record(number, title, page.name, date, status): text
        for number, title, date, status, text in RECORD.findall(page.read_text())
    }


RECORDS = {record: text for page in PAGES for record, text in records(page).items()}


def test_the_index_lists_every_record_as_it_is() -> None:
    listed = [
        Record(number, title, page, date, LINK.sub(r"\1", status))
        for number, title, page, date, status in ROW.findall(INDEX.read_text())
    ]
    assert sorted(listed) == sorted(RECORDS)
    assert len(listed) > 100


def test_every_heading_of_a_page_is_a_record() -> None:
    headings = sum(len(re.findall("^### ", page.read_text(), re.MULTILINE)) for page in PAGES)
    assert len(RECORDS) == headings


def test_a_number_stands_for_one_record() -> None:
    numbers = Counter(record.number for record in RECORDS)
    assert [number for number, count in numbers.items() if count > 1] == []


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.number)
def test_a_record_has_its_parts_and_a_status(record: Record) -> None:
    parts = re.findall(r"^\*\*(\w+)\.\*\*", RECORDS[record], re.MULTILINE)
    assert parts in (["Context", "Decision", "Consequence"], ["Context", "Decision", "Consequence", "Alternatives"])
    status = STATUS.fullmatch(record.status)
    assert status
    assert status[1] is None or status[1] in {other.number for other in RECORDS}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_short_enough_to_read(page: Path) -> None:
    assert len(page.read_text().splitlines()) < 400
