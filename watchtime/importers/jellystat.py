"""`jellystat`: the JSON of a Jellystat backup."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from watchtime.importers.errors import ImportFailed, LeftOut
from watchtime.importers.plays import Play
from watchtime.importers.rows import Options, Row, Skipped, each, parse_time, text, whole
from watchtime.importers.source import Source


def read(source: Source, options: Options) -> Iterator[Row | Skipped]:
    """Yield a row a play. The backup is an array of objects with one table each, in any order."""
    if not source.beginning().startswith(b"["):
        raise ImportFailed("a Jellystat backup is a JSON array of tables, and this is none")
    rows = source.items("item.jf_playback_activity.item")
    return each(rows, lambda place, row: _play(row, options).row(place))


def _play(row: Any, options: Options) -> Play:
    """Return a play that is known by its seconds and its end; both grow while it goes on."""
    if not isinstance(row, Mapping) or not row.get("Id"):
        raise LeftOut("no play")
    title, series = text(row.get("NowPlayingItemName")), text(row.get("SeriesName"))
    if not title:
        raise LeftOut("no title")
    seconds = whole(row.get("PlaybackDuration"))
    ends = options.local(parse_time(row.get("ActivityDateInserted")))
    return Play(
        key=("jellystat", row.get("ServerId"), row["Id"]),
        viewer=options.viewer(row.get("UserName") or row.get("UserId")),
        title=f"{series} - {title}" if series else title,
        begins=ends - timedelta(seconds=max(0, min(seconds, 86_400))),
        seconds=seconds,
        grows=True,
    )
