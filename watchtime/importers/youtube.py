"""`youtube`: watch-history.json out of Google Takeout."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from watchtime.importers.errors import ImportFailed, LeftOut
from watchtime.importers.plays import Mark
from watchtime.importers.rows import Options, Row, Skipped, each, parse_time, text
from watchtime.importers.source import Source

VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
# A title is a sentence in the account's language; what is around the video's own title in some of them.
SENTENCES = (
    ("Watched ", ""),
    ("", " angesehen"),
    ("Vous avez regardé ", ""),
    ("Has visto ", ""),
    ("Hai guardato ", ""),
    ("Você assistiu a ", ""),
    ("", " bekeken"),
    ("", " を視聴しました"),
)


def read(source: Source, options: Options) -> Iterator[Row | Skipped]:
    """Yield a mark an entry: the file says what was watched and when, not how long."""
    if not source.beginning().startswith(b"["):
        raise ImportFailed("watch-history.json is a JSON array: ask Takeout for the history as JSON, not as HTML")
    viewer = options.only_viewer()
    return each(source.items("item"), lambda place, entry: _mark(entry, viewer, options).row(place))


def _mark(entry: Any, viewer: str, options: Options) -> Mark:
    if not isinstance(entry, Mapping) or "time" not in entry:
        raise LeftOut("no entry of a watch history")
    if entry.get("details"):
        raise LeftOut("an advertisement")
    if not entry.get("titleUrl"):
        raise LeftOut("a video that has been removed")
    video = _video(str(entry["titleUrl"]))
    when = options.local(parse_time(entry["time"]))
    # The title is no part of the slug: it changes with the language, and when the video is removed.
    return Mark(("youtube", video, when), viewer, _title(entry), when, slug=f"youtube-{video}")


def _video(url: str) -> str:
    """Return the video's id. Raises LeftOut for what is no video: posts, stories, games."""
    parts = urlsplit(url)
    video = parse_qs(parts.query).get("v", [""])[0] if parts.path == "/watch" else ""
    if parts.path.startswith("/shorts/"):
        video = parts.path.removeprefix("/shorts/").strip("/")
    if not VIDEO_ID.fullmatch(video):
        raise LeftOut("no video")
    return video


def _title(entry: Mapping[str, Any]) -> str:
    """Return the video's title; nothing where its address stands in its place."""
    title = text(entry.get("title"))
    for before, after in SENTENCES:
        if title.startswith(before) and title.endswith(after) and len(title) > len(before + after):
            title = title.removeprefix(before).removesuffix(after)
            break
    return "" if title == entry["titleUrl"] else title
