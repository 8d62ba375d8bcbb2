"""What becomes of imported rows: events that are new are published, titles and durations given to movies without.

The ledger is asked what it knows before anything is published, so that the summary can say what
was new. It is not what keeps a repeat from counting twice: the events' ids do that in the fold.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from watchtime.events import PublishFailed, WatchEvent, publish
from watchtime.importers.distinct import Occurrences
from watchtime.importers.rows import Place, Rest, Row, Skipped
from watchtime.models import MAX_MOMENT, MAX_TITLE_LENGTH, CustomUser, Event, Movie
from watchtime.rows import execute

BATCH = 1000  # events
MAX_REASONS = 50
MAX_PLACES = 20  # of one reason
Key = tuple[str, UUID]
Content = tuple[str, int, int, bool]
ENTRY = ("user_id", "event_id", "movie_id", "start", "at", "positional")  # columns of the ledger


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
        self.in_hand = 0  # events that were given to the broker, which did not say that it stored them
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
            self._publish(new)
        self.new += len(new)
        self.rows += len(rows)
        self.marks += sum(row.mark for row in rows)

    def _publish(self, events: Sequence[WatchEvent]) -> None:
        self.in_hand = len(events)
        try:
            publish(events)
        except PublishFailed as error:
            self.in_hand = len(events) if error.may_be_stored else 0
            raise
        self.in_hand = 0

    def _new(self, row: Row, counted: Mapping[Key, Content | None]) -> Iterator[WatchEvent]:
        """Yield the events of a row that are neither in the ledger nor earlier in the file."""
        for event in self._since_counted(row, row.rest, counted) if row.rest else row.events:
            self.events += 1
            content = counted.get((event.user, event.id))
            if self._occurrences.before(event.user, event.id, *event.content):
                self.repeated += 1
            elif content is None:
                yield event
            elif content == event.content:
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
    viewers = dict(CustomUser.objects.filter(username__in={viewer for viewer, _ in keys}).values_list("username", "pk"))
    names = {pk: viewer for viewer, pk in viewers.items()}
    rows = [(viewers[viewer], event_id) for viewer, event_id in keys if viewer in viewers]
    select = (
        "SELECT user_id, event_id, movie_id, start, at, positional FROM watchtime_event "
        "JOIN {rows} USING (user_id, event_id)"
    )
    entries = execute(select, Event, ENTRY[:2], rows, returns=ENTRY)
    slugs = dict(Movie.objects.filter(pk__in={entry[2] for entry in entries}).values_list("pk", "slug"))
    return {(names[user], event_id): (slugs[movie], *stretch) for user, event_id, movie, *stretch in entries}


def describe_movies(rows: Iterable[Row]) -> None:
    """Make the movies of these rows where they are missing; give title and duration to those that have none."""
    titles = {row.events[0].slug: row.title[:MAX_TITLE_LENGTH] for row in rows if row.title}
    durations = {row.events[0].slug: row.duration for row in rows if row.duration and row.duration <= MAX_MOMENT}
    slugs = titles.keys() | durations.keys()
    known = {movie.slug: movie for movie in Movie.objects.filter(slug__in=slugs)}
    # In the order in which the fold makes them, so that neither waits for the other in a circle.
    missing = [
        Movie(slug=slug, title=titles.get(slug, ""), duration_seconds=durations.get(slug))
        for slug in sorted(slugs - known.keys())
    ]
    Movie.objects.bulk_create(missing, ignore_conflicts=True)  # the fold may make them meanwhile
    for slug, title in titles.items():
        if slug not in known or not known[slug].title:
            Movie.objects.filter(slug=slug, title="").update(title=title)
    for slug, duration in durations.items():
        if slug not in known or known[slug].duration_seconds is None:
            Movie.objects.filter(slug=slug, duration_seconds=None).update(duration_seconds=duration)
