"""`xapi`: statements of the xAPI Video Profile, as JSON lines or an array.

https://liveaspankaj.gitbooks.io/xapi-video-profile: `played-segments` lists the stretches played
so far, "from[.]to" joined by "[,]", so statements repeat each other's; the last may be open.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from watchtime.events import WatchEvent
from watchtime.importers.distinct import temporary_database
from watchtime.importers.errors import LeftOut
from watchtime.importers.names import clean, slug_of
from watchtime.importers.plays import event_id
from watchtime.importers.rows import Options, Place, Row, Skipped, parse_time, positive
from watchtime.importers.source import Source
from watchtime.models import MAX_MOMENT

EXTENSION = "https://w3id.org/xapi/video/extensions/"
ANSWER = re.compile(rb'\{\s*"(statements|more)"')
UUID_ID = re.compile(r"(?:urn:)?uuid:(?://)?([0-9a-fA-F-]{36})")
TABLE = """
    CREATE TABLE stretch (
        id PRIMARY KEY, user, slug, start, at, occurred_at, title, duration, kind, number
    )
"""
# The first statement that holds a stretch was made when it had just been watched.
KEEP_EARLIEST = """
    INSERT INTO stretch VALUES (:id, :user, :slug, :start, :at, :occurred_at, :title, :duration, :kind, :number)
    ON CONFLICT (id) DO UPDATE SET
        occurred_at = min(occurred_at, excluded.occurred_at), duration = COALESCE(duration, excluded.duration)
"""


def read(source: Source, options: Options) -> Iterator[Row | Skipped]:
    """Yield a row a distinct closed stretch, at the time of the earliest statement that has it.

    Statements come in any order, so all are read before the first row is given. A stretch stays
    one event however long it is: a statement tells when it was made, not when each part was watched.
    """
    with closing(temporary_database()) as database:
        database.execute(TABLE)
        for place, statement in _statements(source):
            try:
                for stretch in _stretches(statement, options):
                    database.execute(KEEP_EARLIEST, {**stretch, **place._asdict()})
            except LeftOut as error:
                yield Skipped(place, str(error))
        database.row_factory = sqlite3.Row
        for row in database.execute("SELECT * FROM stretch"):
            yield _row(**dict(row))


def _statements(source: Source) -> Iterator[tuple[Place, Any]]:
    """Yield what an array, lines, or the answer of a statement store to a query hold."""
    if ANSWER.match(source.beginning()):
        return source.items("statements.item")
    return source.objects()


def _row(*, kind: str, number: int, title: str, duration: int | None, **fields: Any) -> Row:
    return Row(Place(kind, number), (WatchEvent.from_fields(fields),), title, duration)


def _stretches(statement: Any, options: Options) -> Iterator[dict[str, Any]]:
    """Yield the columns of each closed stretch of a statement. Raises LeftOut where it has none."""
    if statement is None:
        raise LeftOut("no valid JSON")
    segments = _extensions(statement, "result").get("played-segments")
    if not isinstance(segments, str) or not segments:
        raise LeftOut("no played-segments")
    user, slug = options.viewer(_actor(statement)), _slug(statement)
    session = _session(statement, user, slug)
    shared = {"user": user, "slug": slug, "occurred_at": _time(statement), **_movie(statement)}
    bounds = [pair for segment in segments.split("[,]") if (pair := _bounds(segment))]
    if not bounds:
        raise LeftOut("no closed stretch")
    for start, at in bounds:
        yield {"id": str(uuid5(session, f"{user}|{slug}|{start}|{at}")), "start": start, "at": at, **shared}


def _bounds(segment: str) -> tuple[int, int] | None:
    """Return a closed stretch in whole seconds; None for an open one, or one that rounds to nothing."""
    start, separator, end = segment.partition("[.]")
    if not separator or not start.strip() or not end.strip():
        return None
    try:
        bounds = round(float(start)), round(float(end))
    except (ValueError, OverflowError):
        raise LeftOut("played-segments that are not numbers") from None
    if bounds[0] < 0 or bounds[1] > MAX_MOMENT:
        raise LeftOut("played-segments beyond a day")
    return bounds if bounds[0] < bounds[1] else None


def _part(value: object, *names: str) -> Any:
    """Return what stands under these names one inside the other; None where it does not."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _extensions(statement: object, part: str) -> Mapping[str, Any]:
    extensions = _part(statement, part, "extensions")
    if not isinstance(extensions, Mapping):
        return {}
    return {name.removeprefix(EXTENSION): value for name, value in extensions.items() if name.startswith(EXTENSION)}


def _actor(statement: object) -> str:
    """Return the actor's account name, else the mail address, its hash, or the OpenID."""
    for names in (("account", "name"), ("mbox",), ("mbox_sha1sum",), ("openid",)):
        if isinstance(name := _part(statement, "actor", *names), str) and name:
            return name.removeprefix("mailto:")
    raise LeftOut("no actor")


def _slug(statement: object) -> str:
    """Return the UUID of an object named by one (`uuid://…`), else a slug of the object's whole id."""
    identity = _part(statement, "object", "id")
    if not isinstance(identity, str) or not identity:
        raise LeftOut("no object")
    if match := UUID_ID.fullmatch(identity):
        return match[1].lower()
    return slug_of(urlsplit(identity).path.rstrip("/").rpartition("/")[2], identity)


def _session(statement: object, user: str, slug: str) -> UUID:
    """Return the id of what `played-segments` adds up: the registration, else the session, else the viewing at all."""
    registration = _part(statement, "context", "registration")
    session = registration or _extensions(statement, "context").get("session-id")
    try:
        return UUID(session)
    except (ValueError, TypeError, AttributeError):
        return event_id("xapi", session or (user, slug))


def _time(statement: object) -> str:
    """Return the statement's time in UTC, as text that sorts as time does."""
    moment = parse_time(_part(statement, "timestamp") or _part(statement, "stored"))
    if moment.tzinfo is None:
        raise LeftOut("a time without offset")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _movie(statement: object) -> dict[str, Any]:
    """Return the movie's title, in English if there is one, and its duration in seconds."""
    names = _part(statement, "object", "definition", "name")
    texts = names if isinstance(names, Mapping) else {}
    english = (text for language, text in texts.items() if language.startswith("en"))
    title = next(english, next(iter(texts.values()), ""))
    length = _extensions(statement, "context").get("length") or _extensions(statement, "result").get("length")
    return {"title": clean(title) if isinstance(title, str) else "", "duration": positive(length)}
