"""What every importer gives: rows of events, and rows that give none with the reason."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, tzinfo
from typing import Literal, NamedTuple, TypeVar

from watchtime.events import InvalidEvent, WatchEvent
from watchtime.importers.errors import ImportFailed, LeftOut
from watchtime.importers.names import username_of

T = TypeVar("T")
Rest = Callable[[int], tuple[WatchEvent, ...]]


class Place(NamedTuple):
    """Where a row stands in its file: "line" 7, "item" 3 of an array, "row" with that id."""

    kind: str
    number: int


class Skipped(NamedTuple):
    """A row that gives no event, and why."""

    place: Place
    reason: str


@dataclass(frozen=True)
class Row:
    """What one row of the source becomes.

    `duration` is the movie's, in seconds, where the source tells it. `mark` says that the source
    tells that something was watched and not how long. `rest` is there where a later export may tell
    more seconds of the same row: it returns the events that begin this many seconds into the play.
    """

    place: Place
    events: tuple[WatchEvent, ...]
    title: str = ""
    duration: int | None = None
    mark: bool = False
    rest: Rest | None = None


@dataclass
class Options:
    """What the source does not tell and the caller does.

    `user` is who watched everything in the file. `users` maps single names of the source to
    usernames. `zone` is that of times without an offset. `dates` says how days with slashes
    are written where the file alone is ambiguous. `local_times` counts the times that `zone` decided.
    """

    user: str | None = None
    users: Mapping[str, str] = field(default_factory=dict)
    zone: tzinfo = UTC
    dates: Literal["day-first", "month-first"] | None = None
    local_times: int = 0

    def viewer(self, told: object) -> str:
        """Return the username for a viewer's name in the source. Raises LeftOut where there is none."""
        if self.user:
            return self.user
        if not (name := text(told)):
            raise LeftOut("no viewer (--user says who it was)")
        return self.users.get(name) or username_of(name)

    def only_viewer(self) -> str:
        """Return who watched a file that names nobody. Raises ImportFailed when that is not told."""
        if not self.user:
            raise ImportFailed("this file does not say who watched: say it with --user NAME")
        return self.user

    def local(self, moment: datetime) -> datetime:
        """Return a time in UTC; one without an offset is taken as of the source's time zone."""
        if moment.tzinfo is None:
            self.local_times += 1
            moment = moment.replace(tzinfo=self.zone)
        return moment.astimezone(UTC)

    def midday(self, day: date) -> datetime:
        """Return the middle of a day of the source's time zone, for what is only known by the day."""
        return self.local(datetime.combine(day, time(12)))


def each(rows: Iterable[tuple[Place, T]], make: Callable[[Place, T], Row]) -> Iterator[Row | Skipped]:
    """Make a row of each; one that makes none is skipped with its reason."""
    for place, values in rows:
        try:
            yield make(place, values)
        except (LeftOut, InvalidEvent) as error:
            yield Skipped(place, str(error))


def text(value: object) -> str:
    """Return a text or number of the source as text; nothing for any other value."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def parse_time(value: object) -> datetime:
    """Read an ISO 8601 time, with or without an offset. Raises LeftOut."""
    try:
        return _plausible(datetime.fromisoformat(str(value).strip()))
    except ValueError:
        raise LeftOut("no valid time") from None


def parse_utc(value: object) -> datetime:
    """Read an ISO 8601 time of a source that writes UTC, with or without saying so. Raises LeftOut."""
    moment = parse_time(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _plausible(moment: datetime) -> datetime:
    """Raise LeftOut for a time near the ends of the calendar, where no time zone and no play fits."""
    if not 1900 <= moment.year <= 9000:
        raise LeftOut("no valid time")
    return moment


def from_epoch(seconds: object) -> datetime:
    """Read seconds since 1970. Raises LeftOut."""
    try:
        return _plausible(datetime.fromtimestamp(whole(seconds), UTC))
    except (OverflowError, OSError, ValueError):
        raise LeftOut("no valid time") from None


def whole(value: object) -> int:
    """Read a whole number, also out of text; fractions are cut off. Raises LeftOut."""
    try:
        return int(float(str(value)))
    except (ValueError, OverflowError):
        raise LeftOut("no valid number") from None


def positive(value: object) -> int | None:
    """Read a whole number above zero; None where there is no such number, or one that nothing here measures."""
    try:
        number = whole(value)
    except LeftOut:
        return None
    return number if 0 < number < 2**53 else None
