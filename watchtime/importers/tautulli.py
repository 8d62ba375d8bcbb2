"""`tautulli`: its database, and what its API answers to `get_history`."""

from collections.abc import Iterator, Mapping
from typing import Any

from watchtime.importers.errors import ImportFailed, LeftOut
from watchtime.importers.plays import Play
from watchtime.importers.rows import Options, Place, Row, Skipped, each, from_epoch, positive, whole
from watchtime.importers.source import Source

VIDEO = {"movie", "episode", "clip"}
HISTORY = """
    SELECT h.id, h.started, h.stopped, h.paused_counter, h.user_id, h.machine_id, h.view_offset, h.media_type,
           COALESCE(u.username, h.user) AS viewer, m.title, m.grandparent_title, m.parent_media_index,
           m.media_index, m.year, m.duration
    FROM session_history h
    LEFT JOIN session_history_metadata m ON m.id = h.id
    LEFT JOIN users u ON u.user_id = h.user_id
    ORDER BY h.id
"""


def read(source: Source, options: Options) -> Iterator[Row | Skipped]:
    """Yield a row a play of a video."""
    if source.is_sqlite():
        if not {"session_history", "session_history_metadata", "users"} <= source.tables().keys():
            raise ImportFailed("this SQLite file is not Tautulli's: it has no session_history")
        rows = ((Place("row", row["id"]), row) for row in source.select(HISTORY))
        return each(rows, lambda place, row: _database_play(row, options).row(place))
    return each(source.items(_prefix(source)), lambda place, row: _api_play(row, options).row(place))


def _prefix(source: Source) -> str:
    """Say where the rows stand: in a whole answer, in its data, or on their own."""
    beginning = source.beginning()
    if beginning.startswith(b"["):
        return "item"
    return "response.data.data.item" if b'"response"' in beginning else "data.item"


def _database_play(row: Mapping[str, Any], options: Options) -> Play:
    """Return a play that ended at `view_offset`, which is in milliseconds as `duration` is."""
    if not row["stopped"]:
        raise LeftOut("still playing")
    return _play(
        row,
        options,
        viewer=row["viewer"],
        seconds=whole(row["stopped"]) - whole(row["started"]) - whole(row["paused_counter"] or 0),
        until=_milliseconds(row["view_offset"]),
        duration=_milliseconds(row["duration"]),
    )


def _api_play(row: Any, options: Options) -> Play:
    """Return a play that is known by its seconds. A group of plays is one row, which may grow."""
    if not isinstance(row, Mapping):
        raise LeftOut("no play")
    if row.get("row_id") is None:
        raise LeftOut("still playing")
    seconds = row.get("play_duration")
    return _play(
        row,
        options,
        viewer=row.get("user") or row.get("friendly_name"),
        seconds=whole(row.get("duration") if seconds is None else seconds),
        grows=True,
    )


def _play(row: Mapping[str, Any], options: Options, *, viewer: Any, **told: Any) -> Play:
    if row.get("media_type") not in VIDEO:
        raise LeftOut(f"no video but a {str(row.get('media_type'))[:40]}")
    name = None if viewer is None else str(viewer)
    named = row.get("machine_id") and row.get("started")
    play = (row.get("user_id"), row["machine_id"], row["started"]) if named else ("row", row.get("row_id"))
    return Play(
        key=("tautulli", *play),
        viewer=options.viewer(name),
        title=_title(row),
        begins=from_epoch(row.get("started") or row.get("date")),
        **told,
    )


def _title(row: Mapping[str, Any]) -> str:
    """Return "Movie (1979)", or "Series - S01E02 - Episode"."""
    title = str(row.get("title") or "")
    if not title:
        raise LeftOut("no title")
    if row.get("media_type") == "episode" and row.get("grandparent_title"):
        season, episode = positive(row.get("parent_media_index")) or 0, positive(row.get("media_index")) or 0
        return f"{row['grandparent_title']} - S{season:02}E{episode:02} - {title}"
    return f"{title} ({row['year']})" if positive(row.get("year")) else title


def _milliseconds(value: object) -> int | None:
    number = positive(value)
    return None if number is None else number // 1000
