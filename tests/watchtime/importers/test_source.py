"""A source is read as a stream: memory does not grow with the file."""

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.watchtime.importers.reading import write
from watchtime.importers import FORMATS
from watchtime.importers.rows import Options
from watchtime.importers.source import Source

TIME = "2023-04-05T19:45:00Z"
NETFLIX = (
    "Profile Name,Start Time,Duration,Attributes,Title,Supplemental Video Type,Device Type,Bookmark,Latest,Country\n"
)


def youtube(number: int) -> str:
    entries = (
        {"titleUrl": f"https://www.youtube.com/watch?v={n:011}", "title": "x", "time": TIME} for n in range(number)
    )
    return json.dumps(list(entries))


def netflix(number: int) -> str:
    rows = (f"Anna,2023-04-05 19:45:00,00:10:00,,Title {n},,TV,01:00:00,,DE\n" for n in range(number))
    return NETFLIX + "".join(rows)


def jsonl(number: int) -> str:
    return "".join(f'{{"user": "anna", "slug": "m{n}", "at": 1, "occurred_at": "{TIME}"}}\n' for n in range(number))


def jellyfin(number: int) -> str:
    return "".join(f"2023-04-05 19:45:00\tu\t{n}\tMovie\tAlien {n}\tDirect\tWeb\tFox\t60\n" for n in range(number))


def peak(name: str, path: Path) -> tuple[int, int]:
    """Return how many rows a file gives, and the most memory that reading it took at any moment."""
    tracemalloc.start()
    rows = sum(1 for _ in FORMATS[name](Source(path), Options(user="anna")))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return rows, most


@pytest.mark.parametrize("content", [youtube, netflix, jsonl, jellyfin])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, content: Callable[[int], str]) -> None:
    name = content.__name__
    peak(name, write(tmp_path / "a", content(10)))  # what is made once and kept
    few, small = peak(name, write(tmp_path / "b", content(500)))
    many, large = peak(name, write(tmp_path / "c", content(10_000)))
    assert (few, many) == (500, 10_000)
    assert large < small + 300_000 < (tmp_path / "c").stat().st_size
