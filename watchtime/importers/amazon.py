"""`amazon`: the viewing history in the data that Amazon gives of a Prime Video account."""

import re
from collections.abc import Iterator, Mapping

from watchtime.importers.errors import ImportFailed, LeftOut
from watchtime.importers.plays import Play
from watchtime.importers.rows import Options, Place, Row, Skipped, each, parse_utc, whole
from watchtime.importers.source import Source

NEEDED = {"title", "playbackstartdatetimeutc", "secondsviewed"}
NO_VIEWING = re.compile("promo|trailer|preview|bonus")


def read(source: Source, options: Options) -> Iterator[Row | Skipped]:
    """Yield a row a line. Raises ImportFailed for a file without the start and the seconds of each viewing."""
    viewer = options.only_viewer()
    names = [_name(cell) for cell in source.first_record()]
    if not set(names) >= NEEDED:
        raise ImportFailed("this file does not have the columns Title, Playback Start Datetime (UTC), Seconds Viewed")

    def make(place: Place, record: list[str]) -> Row:
        if len(record) != len(names):
            raise LeftOut("another number of columns than the file has")
        cells = (cell.strip().strip('"').strip() for cell in record)
        return _play(dict(zip(names, cells, strict=True)), viewer).row(place)

    records = source.records()
    next(records)
    return each(records, make)


def _name(cell: str) -> str:
    return re.sub(r"\W", "", cell.lower())


def _play(cells: Mapping[str, str], viewer: str) -> Play:
    """Return a play that is known by its seconds. Times are UTC. Some exports put every value in quotes twice."""
    kind = cells.get("materialtypedescription", "").lower()
    if NO_VIEWING.search(kind):
        raise LeftOut(f"no viewing but a {kind[:40]}")
    if not cells["title"]:
        raise LeftOut("no title")
    begins = cells["playbackstartdatetimeutc"]
    return Play(
        key=("amazon", cells["title"], begins),
        viewer=viewer,
        title=cells["title"],
        begins=parse_utc(begins),
        seconds=whole(cells["secondsviewed"]),
    )
