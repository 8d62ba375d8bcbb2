"""What becomes of imported rows: events that are new are published, titles and durations given to movies without.

The ledger is asked what it knows before anything is published, so that the summary can say what
was new. It is not what keeps a repeat from counting twice: the events' ids do that in the fold.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from watchtime.events import WatchEvent, publish
from watchtime.importers.distinct import Occurrences
from watchtime.importers.rows import Place, Rest, Row, Skipped
from watchtime.models import Event, Movie

BATCH = 1000  # events
MAX_REASONS = 50
MAX_PLACES = 20  # of one reason
Key = tuple[str, UUID]
Content = tuple[str, int, int]


@dataclass
class Skips:
    """Reasons why rows gave no event, with how many there were and the first places of each."""

    counts: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[Place]] = field(default_factory=dict)

    def add(self, place: Place, reason: str) -> None:
        if reason not in self.counts and len(self.counts) >= MAX_REASONS:
            reason = "other reasons"
        self.counts[reason] += 1
        places = self.places.setdefault(reason, [])
        if len(places) < MAX_PLACES:
            places.append(place)

    def __iter__(self) -> Iterator[str]:
        """Yield one line a reason, the most frequent first."""
        for reason, count in self.counts.most_common():
            places = self.places[reason]
            kind = places[0].kind
            numbers = ", ".join(str(place.number) for place in places)
            more = f" and {count - len(places)} more" if count > len(places) else ""
            yield f"{count} skipped, {reason}: {kind}{'s' if count > 1 else ''} {numbers}{more}"


class Importing:
    """Takes the rows of one file, in batches, and counts what became of them."""

    def __init__(self, occurrences: Occurrences, *, dry_run: bool = False) -> None:
        self._occurrences = occurrences
        self.dry_run = dry_run
        self.rows = self.marks = self.events = self.new = self.known = self.repeated = self.grown = 0
        self.growing = False
        self.skips = Skips()

    def take(self, items: Iterable[Row | Skipped]) -> None:
        """Import rows as they come. Raises PublishFailed; what was counted until then is published."""
        batch: list[Row] = []
        size = 0
        for item in items:
            if isinstance(item, Skipped):
                self.skips.add(*item)
                continue
            batch.append(item)
            size += len(item.events)
            if size >= BATCH:
                self._save(batch)
                batch, size = [], 0
        self._save(batch)

    def _save(self, rows: Sequence[Row]) -> None:
        """Publish what is new in a batch of rows, after making sure of their movies."""
        asked = {(event.user, event.id) for row in rows for event in row.events}
        counted: dict[Key, Content | None] = {**dict.fromkeys(asked), **counted_under(asked)}
        new = [event for row in rows for event in self._new(row, counted)]
        if not self.dry_run:
            describe_movies(rows)
            publish(new)
        self.new += len(new)
        self.rows += len(rows)
        self.marks += sum(row.mark for row in rows)

    def _new(self, row: Row, counted: Mapping[Key, Content | None]) -> Iterator[WatchEvent]:
        """Yield the events of a row that are neither in the ledger nor earlier in the file."""
        for event in self._since_counted(row, row.rest, counted) if row.rest else row.events:
            self.events += 1
            content = counted.get((event.user, event.id))
            if self._occurrences.before(event.user, event.id, *event.content):
                self.repeated += 1
            elif content is None:
                yield event
            elif content == event.content[:3]:
                self.known += 1
            else:
                self.skips.add(row.place, "already counted with other content")

    def _since_counted(self, row: Row, rest: Rest, counted: Mapping[Key, Content | None]) -> Sequence[WatchEvent]:
        """Return the events of the seconds by which a row has grown since it was counted; all of a new row's.

        Each event that is counted says where in the play the next one begins.
        """
        self.growing = True
        events, covered = row.events, 0
        while events:
            key = events[0].user, events[0].id
            content = counted[key] if key in counted else counted_under([key]).get(key)
            if content is None or content[1] == content[2]:
                break
            self.events += 1
            self.known += 1
            covered += content[2] - content[1]
            events = rest(covered)
        self.grown += covered > 0 and len(events) > 0
        return events


def counted_under(keys: Collection[Key]) -> dict[Key, Content]:
    """Return what the ledger holds under these viewers and ids: the content of each event."""
    entries = Event.objects.filter(
        user__username__in={viewer for viewer, _ in keys}, event_id__in=[event_id for _, event_id in keys]
    ).values_list("user__username", "event_id", "movie__slug", "start", "at")
    return {(viewer, event_id): (slug, start, at) for viewer, event_id, slug, start, at in entries}


def describe_movies(rows: Iterable[Row]) -> None:
    """Make the movies of these rows where they are missing, and give a title to each that has none."""
    titles = {row.events[0].slug: row.title[:200] for row in rows if row.title and row.events}
    known = dict(Movie.objects.filter(slug__in=titles).values_list("slug", "title"))
    # In the order in which the fold makes them, so that neither waits for the other in a circle.
    missing = sorted(titles.keys() - known.keys())
    Movie.objects.bulk_create([Movie(slug=slug, title=titles[slug]) for slug in missing], ignore_conflicts=True)
    for slug in titles:
        if not known.get(slug):
            Movie.objects.filter(slug=slug, title="").update(title=titles[slug])
