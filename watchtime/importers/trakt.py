"""`trakt`: the zip of an account's data."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from watchtime.importers.errors import ImportFailed, LeftOut
from watchtime.importers.plays import Mark
from watchtime.importers.rows import Options, Place, Row, Skipped, each, parse_utc, positive, text
from watchtime.importers.source import Source

HISTORY = re.compile(r"watched-history(-\d+)?\.json")
PLAYBACK = re.compile(r"watched-playback(-\d+)?\.json")
UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)  # when something was watched whose time Trakt does not know


def read(source: Source, options: Options) -> Iterator[Row | Skipped]:
    """Yield a mark an entry of the history, and of what was stopped in the middle."""
    viewer = options.only_viewer()
    members = {member.rpartition("/")[2]: member for member in source.members()}
    if not any(map(HISTORY.fullmatch, members)):
        raise ImportFailed("there is no watched-history.json in this zip archive")
    return _marks(source, members, viewer)


def _marks(source: Source, members: Mapping[str, str], viewer: str) -> Iterator[Row | Skipped]:
    for pattern, make in ((HISTORY, _watched), (PLAYBACK, _paused)):
        for name in filter(pattern.fullmatch, members):
            yield from each(source.member_items(members[name], "item"), partial(_row, make, viewer))
    if "_errors.json" in members:
        yield Skipped(Place("_errors.json", 1), "Trakt says that it could not export everything")


def _row(make: Callable[[Any, str], Mark], viewer: str, place: Place, entry: Any) -> Row:
    return make(entry, viewer).row(place)


def _watched(entry: Any, viewer: str) -> Mark:
    identity = _id(entry)
    watched_at = entry.get("watched_at")
    when = UNKNOWN if watched_at in (None, "", "unknown") else parse_utc(watched_at)
    return Mark(("trakt", identity), viewer, _title(entry), when, duration=_runtime(entry))


def _paused(entry: Any, viewer: str) -> Mark:
    """Return a mark where playing stopped: a percentage, which is a moment where the runtime is told."""
    identity, paused_at = _id(entry), entry.get("paused_at")
    runtime, progress = _runtime(entry), entry.get("progress")
    moment = None
    if runtime and isinstance(progress, int | float) and 0 <= progress <= 100:
        moment = round(runtime * progress / 100)
    key = ("trakt-playback", identity, paused_at)
    return Mark(key, viewer, _title(entry), parse_utc(paused_at), moment, duration=runtime)


def _id(entry: Any) -> int:
    if not isinstance(entry, Mapping) or not isinstance(identity := entry.get("id"), int):
        raise LeftOut("no entry of a history")
    return identity


def _video(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    video = entry.get("movie") or entry.get("episode")
    if not isinstance(video, Mapping):
        raise LeftOut("neither a movie nor an episode")
    return video


def _runtime(entry: Mapping[str, Any]) -> int | None:
    """Return the runtime in seconds; Trakt's extended form tells it in minutes."""
    minutes = positive(_video(entry).get("runtime"))
    return minutes * 60 if minutes else None


def _title(entry: Mapping[str, Any]) -> str:
    """Return "Movie (1979)", or "Series - S01E02 - Episode"."""
    video, show = _video(entry), entry.get("show")
    title = text(video.get("title"))
    if isinstance(show, Mapping) and text(show.get("title")) and "episode" in entry:
        season, number = positive(video.get("season")) or 0, positive(video.get("number")) or 0
        return f"{show['title']} - S{season:02}E{number:02}" + (f" - {title}" if title else "")
    if not title:
        raise LeftOut("no title")
    year = positive(video.get("year"))
    return f"{title} ({year})" if year else title
