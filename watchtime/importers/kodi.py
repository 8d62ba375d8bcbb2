"""`kodi`: Kodi's video database, MyVideos*.db."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from watchtime.importers.errors import ImportFailed, LeftOut
from watchtime.importers.plays import Mark
from watchtime.importers.rows import Options, Place, Row, Skipped, parse_time, positive
from watchtime.importers.source import Source

UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)  # of every play but the last, whose time alone Kodi keeps
MAX_PLAYS = 1000  # of one file
TABLES = {"files", "path", "movie", "episode", "tvshow", "bookmark"}
WATCHED = """
    SELECT f.idFile AS number, p.strPath || f.strFilename AS path, f.playCount, f.lastPlayed,
           m.c00 AS movie, e.c00 AS episode, e.c12 AS season, e.c13 AS place, s.c00 AS show,
           b.timeInSeconds AS moment, b.totalTimeInSeconds AS total
    FROM files f
    JOIN path p ON p.idPath = f.idPath
    LEFT JOIN movie m ON m.idFile = f.idFile
    LEFT JOIN episode e ON e.idFile = f.idFile
    LEFT JOIN tvshow s ON s.idShow = e.idShow
    LEFT JOIN bookmark b ON b.idFile = f.idFile AND b.type = 1
    WHERE f.playCount > 0 OR b.idBookmark IS NOT NULL
    ORDER BY f.idFile, e.idEpisode
"""


def read(source: Source, options: Options) -> Iterator[Row | Skipped]:
    """Yield a mark a play that Kodi counted, and one where a file can be resumed."""
    viewer = options.only_viewer()
    if not source.is_sqlite() or not source.tables().keys() >= TABLES:
        raise ImportFailed("this is no video database of Kodi's: give it MyVideos*.db")
    return _rows(source, viewer, options)


def _rows(source: Source, viewer: str, options: Options) -> Iterator[Row | Skipped]:
    for row in source.select(WATCHED):
        place = Place("file", row["number"])
        try:
            yield from (mark.row(place) for mark in _marks(row, viewer, options))
        except LeftOut as error:
            yield Skipped(place, str(error))


def _marks(row: Mapping[str, Any], viewer: str, options: Options) -> Iterator[Mark]:
    title, duration = _title(row), positive(row["total"])
    video = row["path"], row["season"], row["place"]  # a file may hold several episodes
    last = options.local(parse_time(row["lastPlayed"])) if row["lastPlayed"] else UNKNOWN
    plays = positive(row["playCount"]) or 0
    if plays > MAX_PLAYS:
        raise LeftOut(f"more than {MAX_PLAYS} plays")
    for number in range(1, plays + 1):
        when = last if number == plays else UNKNOWN
        yield Mark(("kodi", *video, number), viewer, title, when, duration=duration)
    if moment := positive(row["moment"]):
        yield Mark(("kodi-resume", *video, moment, row["lastPlayed"]), viewer, title, last, moment, duration=duration)


def _title(row: Mapping[str, Any]) -> str:
    if row["movie"]:
        return str(row["movie"])
    if not row["show"]:
        raise LeftOut("neither a movie nor an episode")
    season, place = positive(row["season"]) or 0, positive(row["place"]) or 0
    return f"{row['show']} - S{season:02}E{place:02}" + (f" - {row['episode']}" if row["episode"] else "")
