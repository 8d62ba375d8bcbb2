"""Types and arguments of the analytics: coverage, retention, completions, series of watch time, live numbers."""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, cast

import strawberry

from schema.context import Info
from schema.errors import BadUserInput
from schema.scalars import Seconds, read_time
from watchtime.intervals import Interval, InvalidWindow, intervals, zone_of
from watchtime.live import live
from watchtime.series import Watched

DEFAULT_BINS, MAX_BINS = 100, 1_000
DEFAULT_TOP, MAX_TOP = 10, 100
DEFAULT_SHARES, MAX_SHARES = 10, 100
ROWS_OF_A_WINDOW = 300  # that topMovies counts as beside its movies: it adds up the days of every movie
ROWS_OF_A_SEARCH = 300  # it looks at 10,000 movies and as many viewers
ROWS_OF_COMPLETIONS = 300  # they count up to 50,000 viewers


@strawberry.enum(
    name="Interval",
    description="How long each interval of a series is. Intervals begin and end in the time zone `timeZone`.",
)
class IntervalOption(Enum):
    """The intervals, as clients name them."""

    HOUR = strawberry.enum_value(Interval.HOUR, description="An hour of the clock.")
    DAY = strawberry.enum_value(Interval.DAY, description="A day, from midnight to midnight.")
    WEEK = strawberry.enum_value(Interval.WEEK, description="A week that begins on Monday.")
    MONTH = strawberry.enum_value(Interval.MONTH, description="A month of the calendar.")


From = Annotated[
    datetime, strawberry.argument(name="from", description="When the window begins; this moment is in it.")
]
To = Annotated[datetime, strawberry.argument(description="When the window ends; this moment is not in it.")]
By = Annotated[
    IntervalOption,
    strawberry.argument(
        description="How long each interval is. Days, weeks and months begin at midnight of `timeZone`."
    ),
]
TimeZone = Annotated[
    str,
    strawberry.argument(description="A time zone of the IANA database, such as `Europe/Berlin` or `Asia/Kathmandu`."),
]
Bins = Annotated[
    int | None, strawberry.argument(description=f"Into how many parts to divide the movie, 1 to {MAX_BINS:,}.")
]
Shares = Annotated[
    int | None, strawberry.argument(description=f"Into how many equal shares to divide the movie, 1 to {MAX_SHARES}.")
]
First = Annotated[int | None, strawberry.argument(description=f"How many to return, at most {MAX_TOP}.")]


@strawberry.type(description="A part of a movie, from `start` up to but not including `end`: 60 to 90 has 30 seconds.")
class Stretch:
    """Seconds into the movie."""

    start: int = strawberry.field(description="The first second, counted from the beginning of the movie.")
    end: int = strawberry.field(description="The second after the last one.")


@strawberry.type(description="A part of a movie, and how often it was watched.")
class RetentionPoint:
    """Means over the seconds of the part."""

    start: float = strawberry.field(description="Where the part begins, in seconds into the movie.")
    end: float = strawberry.field(description="Where the part ends, in seconds into the movie.")
    views: float = strawberry.field(
        description="How often each second of the part was watched, on average. A replay counts again."
    )
    viewers: float = strawberry.field(
        description="How many different viewers watched each second of the part, on average."
    )


@strawberry.type(
    description="An interval of a time window, and what was watched in it: the events with an `occurredAt` in the "
    "interval. Pruned events count where their quarter of an hour begins."
)
class WatchTimePoint:
    """An event counts in the interval that holds its `occurredAt`."""

    start: datetime = strawberry.field(
        description="When the interval begins, in UTC. The first interval may begin before the window; only what lies "
        "in the window counts."
    )
    total_watch_time: Seconds = strawberry.field(description="Seconds watched.")
    events: int = strawberry.field(description="The number of events.")


@strawberry.type(
    description="The viewers who watched a share of a movie between two limits: `start` up to but not including `end`."
)
class CompletionBin:
    """Shares from 0 to 1."""

    start: float = strawberry.field(description="The smallest share of the movie, 0 to 1; 0.5 is half.")
    end: float = strawberry.field(
        description="The share at which the next bin begins. The last bin ends at 1 and includes it."
    )
    viewers: int = strawberry.field(description="The number of viewers.")


@strawberry.type(description="Live numbers, usually less than a second old.")
class Live:
    """Numbers for a page that asks every second."""

    events_per_second: float = strawberry.field(
        description="Events counted per second, on average over the last 5 seconds."
    )
    watch_time_today: Seconds = strawberry.field(
        description="Seconds that all viewers together watched since midnight of `timeZone`."
    )
    viewers_now: int = strawberry.field(description="How many viewers watched something in the last 60 seconds.")
    messages_waiting: int | None = strawberry.field(
        description="Messages in the queue that wait to be counted, each with 1 to 100 events; null while the broker "
        "does not answer."
    )
    dead_letters: int | None = strawberry.field(
        description="Messages that could not be counted and are kept as dead letters; null while the broker does not "
        "answer."
    )

    @classmethod
    def of(cls, time_zone: str) -> "Live":
        """Return the numbers; today is that of the time zone. Raises BadUserInput for an unknown one."""
        try:
            now = live(zone_of(time_zone))
        except InvalidWindow as error:
            raise BadUserInput(str(error)) from None
        return cls(**{**now._asdict(), "watch_time_today": Seconds(now.watch_time_today)})


def points(
    info: Info,
    read: Callable[[Sequence[datetime]], Sequence[Watched]],
    start: datetime,
    end: datetime,
    interval: IntervalOption,
    time_zone: str,
) -> list[WatchTimePoint]:
    """Return a point for each interval of the window, of what `read` returns between its bounds.

    Raises BadUserInput for a wrong time, an unknown time zone, a window that ends before it begins, and for too many
    intervals; TooLarge when those of all series of the request are too many.
    """
    window = window_of(start, end)
    try:
        found = intervals(*window, cast("Interval", interval.value), time_zone)
    except InvalidWindow as error:
        raise BadUserInput(str(error)) from None
    info.context.use("ROWS", len(found.starts))
    watched = read(found.bounds) if found.starts else []
    return [
        WatchTimePoint(start=begin, total_watch_time=Seconds(seconds), events=events)
        for begin, (seconds, events) in zip(found.starts, watched, strict=True)
    ]


def window_of(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Return both ends of a window in UTC. Raises BadUserInput for a wrong time, and when it ends before it begins."""
    window = read_time(start, "from"), read_time(end, "to")
    if window[1] < window[0]:
        raise BadUserInput("to must not be before from.")
    return window


def within(value: int | None, default: int, lowest: int, highest: int, argument: str) -> int:
    """Return a number that a client gave, else the default. Raises BadUserInput unless it lies within these."""
    if value is None:
        return default
    if not lowest <= value <= highest:
        raise BadUserInput(f"{argument} must be {lowest:,} to {highest:,}.")
    return value
