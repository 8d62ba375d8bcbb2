"""`tautulli`: its database, and what its API answers to `get_history`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from watchtime.importers.errors import ImportFailed, LeftOut
from watchtime.importers.plays import Play
from watchtime.importers.rows import Options, Place, Row, Skipped, each, from_epoch, positive, text, whole
from watchtime.importers.source import Source

VIDEO = {"movie", "episode", "clip"}
TABLES = ("session_history", "session_history_metadata")
COLUMNS = (
    *("id", "started", "stopped", "paused_counter", "user_id", "user", "machine_id", "view_offset", "media_type"),
    *("title", "grandparent_title", "parent_media_index", "media_index", "year", "duration"),
)


def read(source: Source, options: Options) -> Iterator[Row | Skipped]:
    """Yield a row a play of a video."""
    if source.is_sqlite():
        rows = ((Place("row", row["id"]), row) for row in source.select(_query(source.tables())))
        return each(rows, lambda place, row: _database_play(row, options).row(place))
    return each(source.items(_prefix(source)), lambda place, row: _api_play(row, options).row(place))


def _query(tables: Mapping[str, Sequence[str]]) -> str:
    """Return a SELECT of a database of any of Tautulli's versions: what it does not have is null."""
    if not tables.keys() >= set(TABLES):
        raise ImportFailed("this SQLite file is not Tautulli's: it has no session_history")
    columns = [_column(name, *(tables[table] for table in TABLES)) for name in COLUMNS]
    users = "users" in tables
    return (
        f"SELECT {', '.join(columns)}, {'u.username' if users else 'NULL'} AS username "  # noqa: S608
        "FROM session_history h LEFT JOIN session_history_metadata m ON m.id = h.id "
        f"{'LEFT JOIN users u ON u.user_id = h.user_id ' if users else ''}ORDER BY h.id"
    )


def _column(name: str, history: Sequence[str], metadata: Sequence[str]) -> str:
    table = "h." if name in history else "m." if name in metadata else ""
    return f"{table}{name}" if table else f"NULL AS {name}"


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
        viewer=row["username"] or row["user"],
        seconds=whole(row["stopped"]) - whole(row["started"]) - whole(row["paused_counter"] or 0),
        until=_milliseconds(row["view_offset"]),
        duration=_milliseconds(row["duration"]),
    )


def _api_play(row: Any, options: Options) -> Play:
    """Return a play that is known by its seconds. A group of plays is one row, which may grow."""
    if not isinstance(row, Mapping):
        raise LeftOut("no play")
    if row.get("row_id", row.get("id")) is None:
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
    kind = text(row.get("media_type"))
    if kind and kind not in VIDEO:
        raise LeftOut(f"no video but a {kind[:40]}")
    play = (row.get("user_id"), row.get("machine_id"), row.get("started"))
    if not play[1] or not play[2]:
        play = ("row", row.get("row_id", row.get("id")), None)
    return Play(
        key=("tautulli", *play),
        viewer=options.viewer(viewer),
        title=_title(row),
        begins=from_epoch(row.get("started") or row.get("date")),
        **told,
    )


def _title(row: Mapping[str, Any]) -> str:
    """Return "Movie (1979)", or "Series - S01E02 - Episode"."""
    title = text(row.get("title"))
    if not title:
        raise LeftOut("no title")
    if row.get("media_type") == "episode" and (show := text(row.get("grandparent_title"))):
        season, episode = positive(row.get("parent_media_index")) or 0, positive(row.get("media_index")) or 0
        return f"{show} - S{season:02}E{episode:02} - {title}"
    year = positive(row.get("year"))
    return f"{title} ({year})" if year else title


def _milliseconds(value: object) -> int | None:
    number = positive(value)
    return None if number is None else number // 1000
