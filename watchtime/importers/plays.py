"""Plays and marks, and the events that they become."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from uuid import NAMESPACE_URL, UUID, uuid5

from watchtime.events import WatchEvent
from watchtime.importers.errors import LeftOut
from watchtime.importers.names import clean, slug_of
from watchtime.importers.rows import Place, Row
from watchtime.models import MAX_MOMENT

QUARTER = 900  # seconds
NAMESPACE = uuid5(NAMESPACE_URL, "watchtime:import_history")


def event_id(*parts: object) -> UUID:
    """Return the id of what these parts name, the same at every import."""
    return uuid5(NAMESPACE, "\0".join(map(str, parts)).encode(errors="backslashreplace").decode())


@dataclass(frozen=True)
class Play:
    """A play as a source tells it.

    `key` is what is stable of the row in the source. `seconds` is how long it lasted, `until`
    the moment of the movie that it reached, where the source tells it. `slug` is given where
    the title does not make it.
    """

    key: tuple[object, ...]
    viewer: str
    title: str
    begins: datetime
    seconds: int
    until: int | None = None
    slug: str = ""
    duration: int | None = None
    grows: bool = False

    def row(self, place: Place) -> Row:
        """Return the row of this play's events. Raises LeftOut when no play lasts so long or so short."""
        if self.seconds < 0:
            raise LeftOut("a negative duration")
        if self.seconds == 0:
            raise LeftOut("no seconds watched")
        if self.seconds > MAX_MOMENT:
            raise LeftOut("longer than a day")
        rest = self._events if self.grows else None
        return Row(place, self._events(0), clean(self.title), self.duration, rest=rest)

    def _events(self, since: int) -> tuple[WatchEvent, ...]:
        """Return the events of the play from `since` seconds after its beginning on.

        An id names where in the play its piece begins, so it is the same however the play goes on.
        """
        slug = self.slug or slug_of(self.title)
        first, last, shift = self._stretch()
        return tuple(
            self._event(slug, begin, end, shift if first <= begin < last else None)
            for begin, end in self._pieces(since, first, last)
        )

    def _event(self, slug: str, begin: int, end: int, shift: int | None) -> WatchEvent:
        return WatchEvent.from_fields(
            {
                "id": event_id(*self.key, self.viewer, begin),
                "user": self.viewer,
                "slug": slug,
                "start": 0 if shift is None else begin - shift,
                "at": end - begin if shift is None else end - shift,
                "positional": shift is not None,
                "occurred_at": self.begins + timedelta(seconds=begin),
            }
        )

    def _stretch(self) -> tuple[int, int, int]:
        """Return from where to where in the play the moment of the movie is known, and how far they are apart.

        The last seconds of the play are those that led to `until`. What does not fit before it
        was watched earlier, at moments that are not told, and what lies beyond the last possible
        moment has none.
        """
        if self.until is None:
            return 0, 0, 0
        shift = self.seconds - self.until
        return max(0, shift), min(self.seconds, MAX_MOMENT + shift), shift

    def _pieces(self, since: int, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Cut the play where a quarter of an hour begins on the clock, and where what is known changes.

        So that each piece lies in one interval of every series, in every time zone.
        """
        to_boundary = ceil(QUARTER - self.begins.timestamp() % QUARTER)
        boundaries = range(to_boundary, self.seconds, QUARTER)
        cuts = {since, self.seconds, *(cut for cut in (first, last, *boundaries) if since < cut < self.seconds)}
        return pairwise(sorted(cuts)) if since < self.seconds else iter(())


@dataclass(frozen=True)
class Mark:
    """A source's word that something was watched, with no word of how long.

    It becomes one event of no seconds, at `moment` of the movie where the source tells one.
    """

    key: tuple[object, ...]
    viewer: str
    title: str
    when: datetime
    moment: int | None = None
    slug: str = ""
    duration: int | None = None

    def row(self, place: Place) -> Row:
        known = self.moment is not None and self.moment <= MAX_MOMENT
        moment = self.moment if known else 0
        event = WatchEvent.from_fields(
            {
                "id": event_id(*self.key, self.viewer),
                "user": self.viewer,
                "slug": self.slug or slug_of(self.title),
                "start": moment,
                "at": moment,
                "positional": known,
                "occurred_at": self.when,
            }
        )
        return Row(place, (event,), clean(self.title), self.duration, mark=True)
