"""`jellyfin`: what its plugin Playback Reporting keeps, as the TSV of a backup or as its SQLite file."""

from collections.abc import Iterator, Mapping
from typing import Any

from watchtime.importers.errors import ImportFailed, LeftOut
from watchtime.importers.plays import Play
from watchtime.importers.rows import Options, Place, Row, Skipped, each, parse_time, whole
from watchtime.importers.source import Source

SOUND = {"audio", "audiobook", "musicalbum", "musicartist", "photo", "book"}
ACTIVITY = """
    SELECT rowid AS number, DateCreated, UserId, ItemId, ItemType, ItemName, PlayDuration
    FROM PlaybackActivity ORDER BY rowid
"""


def read(source: Source, options: Options) -> Iterator[Row | Skipped]:
    """Yield a row a play of a video. Raises ImportFailed for a SQLite file of something else."""
    if source.is_sqlite():
        if "PlaybackActivity" not in source.tables():
            raise ImportFailed("this SQLite file is not Playback Reporting's: it has no table PlaybackActivity")
        rows = ((Place("row", row["number"]), row) for row in source.select(ACTIVITY))
        return each(rows, lambda place, row: _play(row, options).row(place))
    return each(source.text_lines(), lambda place, line: _play(_columns(line), options).row(place))


def _columns(line: str) -> Mapping[str, str]:
    """Return the columns of a line, found from both ends: the item's name between them may hold tabs."""
    first = line.split("\t", 4)
    last = first[-1].rsplit("\t", 4)
    if len(first) != 5 or len(last) != 5:
        raise LeftOut("not the nine columns of Playback Reporting")
    names = ("DateCreated", "UserId", "ItemId", "ItemType", "ItemName")
    return {**dict(zip(names, [*first[:4], last[0]], strict=True)), "PlayDuration": last[4]}


def _play(row: Mapping[str, Any], options: Options) -> Play:
    """Return a play that is known by its seconds, which grow while it goes on. Times are the server's own."""
    if str(row["ItemType"]).strip().lower() in SOUND:
        raise LeftOut(f"no video but {str(row['ItemType']).strip().lower()}")
    title = str(row["ItemName"] or "").strip()
    if not title:
        raise LeftOut("no title")
    created, user = str(row["DateCreated"]).strip(), str(row["UserId"] or "").strip()
    return Play(
        key=("jellyfin", created, user, row["ItemId"]),
        viewer=options.viewer(user),
        title=title,
        begins=options.local(parse_time(created)),
        seconds=whole(row["PlayDuration"]),
        grows=True,
    )
