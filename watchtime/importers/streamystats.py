"""`streamystats`: the JSON of a Streamystats backup."""

from collections.abc import Iterator, Mapping
from typing import Any

from watchtime.importers.errors import ImportFailed, LeftOut
from watchtime.importers.plays import Play
from watchtime.importers.rows import Options, Row, Skipped, each, parse_time, positive, text, whole
from watchtime.importers.source import Source

TICKS = 10_000_000  # a second


def read(source: Source, options: Options) -> Iterator[Row | Skipped]:
    """Yield a row a session."""
    if not source.beginning().startswith(b"{"):
        raise ImportFailed("a Streamystats backup is a JSON object with sessions, and this is none")
    return each(source.items("sessions.item"), lambda place, session: _play(session, options).row(place))


def _play(session: Any, options: Options) -> Play:
    """Return a play that ended at its position, where that is told."""
    if not isinstance(session, Mapping) or not session.get("id"):
        raise LeftOut("no session")
    if session.get("isInferred"):
        raise LeftOut("no play but inferred from a mark")
    title, series = text(session.get("itemName")), text(session.get("seriesName"))
    if not title:
        raise LeftOut("no title")
    return Play(
        key=("streamystats", session["id"]),
        viewer=options.viewer(session.get("userName") or session.get("userId")),
        title=f"{series} - {title}" if series else title,
        begins=options.local(parse_time(session.get("startTime"))),
        seconds=whole(session.get("playDuration")),
        until=_seconds(session.get("positionTicks")),
        duration=_seconds(session.get("runtimeTicks")),
    )


def _seconds(ticks: object) -> int | None:
    number = positive(ticks)
    return None if number is None else number // TICKS
