"""`netflix`: ViewingActivity.csv out of the account's data, and NetflixViewingHistory.csv of the website."""

import re
from collections.abc import Iterator, Mapping, Sequence

from watchtime.importers.dates import DayFormat
from watchtime.importers.distinct import Occurrences
from watchtime.importers.errors import ImportFailed, LeftOut
from watchtime.importers.plays import Mark, Play
from watchtime.importers.rows import Options, Place, Row, Skipped, each, parse_utc
from watchtime.importers.source import Source

ACTIVITY = (
    "profilename",
    "starttime",
    "duration",
    "attributes",
    "title",
    "supplementalvideotype",
    "devicetype",
    "bookmark",
    "latestbookmark",
    "country",
)
NEEDED = {"profilename", "starttime", "duration", "title", "supplementalvideotype", "bookmark"}
START = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
CLOCK = re.compile(r"(\d+):(\d\d):(\d\d)")


def read(source: Source, options: Options) -> Iterator[Row | Skipped]:
    """Yield a row a line of either file. Raises ImportFailed for any other."""
    first = source.first_record()
    names = [re.sub(r"\W", "", name.lower()) for name in first]
    if set(names) >= NEEDED:
        return _activity(source, names, options, has_header=True)
    if len(first) == len(ACTIVITY) and START.fullmatch(first[1]):
        return _activity(source, ACTIVITY, options, has_header=False)
    if names[:2] == ["title", "date"]:
        return _history(source, options)
    raise ImportFailed("neither ViewingActivity.csv nor NetflixViewingHistory.csv: their columns are not there")


def _activity(source: Source, names: Sequence[str], options: Options, *, has_header: bool) -> Iterator[Row | Skipped]:
    def make(place: Place, record: list[str]) -> Row:
        if len(record) != len(names):
            raise LeftOut("another number of columns than the file has")
        return _play(dict(zip(names, record, strict=True)), options).row(place)

    records = source.records()
    if has_header:
        next(records)
    return each(records, make)


def _play(cells: Mapping[str, str], options: Options) -> Play:
    """Return the play of a row: it ended at the bookmark. Start times are UTC."""
    if cells["supplementalvideotype"].strip():
        raise LeftOut(f"no viewing but a {cells['supplementalvideotype'].strip().lower()[:40]}")
    begins, duration, bookmark = cells["starttime"], cells["duration"], cells["bookmark"]
    seconds = _seconds(duration)
    if seconds is None:
        raise LeftOut("no valid duration")
    return Play(
        key=("netflix", cells["profilename"], begins, cells["title"], duration, bookmark),
        viewer=options.viewer(cells["profilename"].strip()),
        title=_title(cells["title"]),
        begins=parse_utc(begins),
        seconds=seconds,
        until=_seconds(bookmark),
    )


def _seconds(clock: str) -> int | None:
    match = CLOCK.fullmatch(clock.strip())
    if match is None:
        return None
    hours, minutes, seconds = map(int, match.groups())
    return hours * 3600 + minutes * 60 + seconds


def _title(text: str) -> str:
    if not text.strip():
        raise LeftOut("no title")
    return text


def _history(source: Source, options: Options) -> Iterator[Row | Skipped]:
    viewer = options.only_viewer()
    days = DayFormat(
        (record[1] for _, record in _rows(source, "looking at the days") if len(record) > 1), options.dates
    )
    with Occurrences() as occurrences:

        def make(place: Place, record: list[str]) -> Row:
            if len(record) < 2:
                raise LeftOut("no date")
            title, day = _title(record[0]), days.parse(record[1])
            key = ("netflix-day", title, day, occurrences.before(title, day))
            return Mark(key, viewer, title, options.midday(day)).row(place)

        yield from each(_rows(source), make)


def _rows(source: Source, description: str = "importing") -> Iterator[tuple[Place, list[str]]]:
    records = source.records(description=description)
    next(records)
    return records
