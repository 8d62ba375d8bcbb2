"""`jsonl`: events in the wire format, one JSON object a line."""

from collections.abc import Iterator

from watchtime.events import WatchEvent, load_json
from watchtime.importers.distinct import Occurrences
from watchtime.importers.plays import event_id
from watchtime.importers.rows import Options, Place, Row, Skipped, each
from watchtime.importers.source import Source


def read(source: Source, options: Options) -> Iterator[Row | Skipped]:
    """Yield a row a line. With a user told, the events are that viewer's, whatever the lines say."""
    with Occurrences() as occurrences:

        def make(place: Place, line: bytes) -> Row:
            return Row(place, (with_id(_decode(line, options), occurrences),))

        yield from each(source.lines(), make)


def _decode(line: bytes, options: Options) -> WatchEvent:
    if not options.user and not options.users:
        return WatchEvent.decode(line)
    fields = load_json(line)
    if isinstance(fields, dict):
        user = fields.get("user")
        fields = {**fields, "user": options.user or options.users.get(str(user), user)}
    return WatchEvent.from_fields(fields)


def with_id(event: WatchEvent, occurrences: Occurrences) -> WatchEvent:
    """Return an event that came without an id with one made of what it says.

    Events that say the same are told apart by which of them it is in the file.
    """
    if event.has_own_id:
        return event
    told = event.occurred_at if "occurred_at" in event.model_fields_set else ""
    content = (*event.content, told)
    return event.model_copy(update={"id": event_id("event", *content, occurrences.before(*content))})
