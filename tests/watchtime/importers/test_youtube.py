"""`youtube`: Takeout's watch history."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.watchtime.importers.reading import read, write
from watchtime.importers.errors import ImportFailed

VIDEO = "dQw4w9WgXcQ"
ENTRY: dict[str, Any] = {
    "header": "YouTube",
    "title": "Watched The film",
    "titleUrl": f"https://www.youtube.com/watch?v={VIDEO}",
    "subtitles": [{"name": "Somebody", "url": "https://www.youtube.com/channel/UC6mIxFTvXkWQVEHPsEdflzQ"}],
    "time": "2023-04-05T19:45:00.445Z",
    "products": ["YouTube"],
    "activityControls": ["YouTube watch history"],
}


def history(path: Path, *entries: Any) -> Path:
    return write(path, json.dumps(entries))


def test_entries_are_marks(tmp_path: Path) -> None:
    result = read(
        "youtube", history(tmp_path / "a.json", ENTRY, {**ENTRY, "time": "2023-04-05T19:45:00Z"}), user="anna"
    )
    assert result.told == [("anna", f"youtube-{VIDEO}", 0, 0, False)] * 2
    assert result.titles == ["The film"] * 2
    assert all(row.mark for row in result.rows)
    assert result.events[1].occurred_at == datetime(2023, 4, 5, 19, 45, tzinfo=UTC)
    assert result.events[0].id != result.events[1].id


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("The film angesehen", "The film"),
        ("Vous avez regardé The film", "The film"),
        ("Obejrzano: The film", "Obejrzano: The film"),
        (f"Watched https://www.youtube.com/watch?v={VIDEO}", ""),
    ],
)
def test_the_title_changes_nothing_but_the_title(tmp_path: Path, title: str, expected: str) -> None:
    result = read("youtube", history(tmp_path / "a.json", {**ENTRY, "title": title}), user="anna")
    assert result.titles == [expected]
    assert result.events == read("youtube", history(tmp_path / "b.json", ENTRY), user="anna").events


@pytest.mark.parametrize(
    "url",
    [f"https://music.youtube.com/watch?v={VIDEO}&list=1", f"https://www.youtube.com/shorts/{VIDEO}"],
)
def test_addresses_of_videos(tmp_path: Path, url: str) -> None:
    result = read("youtube", history(tmp_path / "a.json", {**ENTRY, "titleUrl": url}), user="anna")
    assert result.events[0].slug == f"youtube-{VIDEO}"


def test_what_is_no_viewing(tmp_path: Path) -> None:
    removed = {name: value for name, value in ENTRY.items() if name != "titleUrl"}
    post = {**ENTRY, "titleUrl": "https://www.youtube.com/post/Ugkx"}
    advert = {**ENTRY, "details": [{"name": "Von Google Anzeigen"}]}
    path = history(tmp_path / "a.json", removed, post, advert, {**ENTRY, "time": "soon"}, 7)
    assert read("youtube", path, user="anna").reasons == [
        (1, "a video that has been removed"),
        (2, "no video"),
        (3, "an advertisement"),
        (4, "no valid time"),
        (5, "no entry of a watch history"),
    ]


def test_files_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="as JSON, not as HTML"):
        read("youtube", write(tmp_path / "watch-history.html", "<html>"), user="anna")
    with pytest.raises(ImportFailed, match="--user NAME"):
        read("youtube", history(tmp_path / "a.json", ENTRY))
