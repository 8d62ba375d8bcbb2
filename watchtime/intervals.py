"""The intervals of a window of time: hours, days, weeks and months as a time zone has them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from functools import cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

MAX_INTERVALS = 1_000
HOUR_LENGTH = timedelta(hours=1)


class InvalidWindow(ValueError):
    """An invalid window, or one with too many intervals. The message is shown to clients."""


class Interval(Enum):
    """How long an interval is."""

    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


class Intervals(NamedTuple):
    """The intervals that a window meets.

    `starts` are the moments at which they begin; the first may begin before the window. `bounds` has one moment more:
    interval `i` counts from `bounds[i]` on and before `bounds[i + 1]`, so that nothing outside of the window counts.
    """

    starts: list[datetime]
    bounds: list[datetime]


def intervals(start: datetime, end: datetime, interval: Interval, time_zone: str) -> Intervals:
    """Return the intervals of the window from `start` on and before `end`.

    Weeks begin on Monday. Raises InvalidWindow when the zone is unknown, when `end` lies before `start`, and for more
    than MAX_INTERVALS.
    """
    if end < start:
        raise InvalidWindow("to must not be before from.")
    if start == end:
        return Intervals([], [])
    zone = zone_of(time_zone)
    starts: list[datetime] = []
    try:
        for begin, following in pairwise(_starts(start, interval, zone)):
            if len(starts) == MAX_INTERVALS:
                raise InvalidWindow(f"The window has more than {MAX_INTERVALS:,} intervals.")
            if following > start:
                starts.append(begin)
            if following >= end:
                break
    except OverflowError:
        raise InvalidWindow("The window lies too close to the first or the last year of the calendar.") from None
    return Intervals(starts, [start, *starts[1:], end])


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone of the IANA database. Raises InvalidWindow when there is none of this name."""
    if name not in _zone_names():
        raise InvalidWindow("timeZone is not a time zone of the IANA database, such as Europe/Berlin.")
    return ZoneInfo(name)


@cache
def _zone_names() -> set[str]:
    return available_timezones()


def _starts(start: datetime, interval: Interval, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield when the interval that holds `start` begins, in UTC, and when those after it do, for ever."""
    local = start.astimezone(zone)
    if interval is Interval.HOUR:
        begin = start - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        while True:
            yield begin.astimezone(UTC)
            begin += HOUR_LENGTH
    day = _first_day(local.date(), interval)
    while True:
        # Where a clock is set forward at midnight, this is the moment at which it is.
        yield datetime.combine(day, time(), zone).astimezone(UTC)
        day = _next_day(day, interval)


def _first_day(day: date, interval: Interval) -> date:
    if interval is Interval.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if interval is Interval.MONTH else day


def _next_day(day: date, interval: Interval) -> date:
    if interval is Interval.MONTH:
        return (day + timedelta(days=31)).replace(day=1)
    return day + timedelta(days=7 if interval is Interval.WEEK else 1)
