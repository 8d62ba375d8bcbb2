"""Live numbers, for pages that poll every second: each number is read once for all requests of a process."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Count, Min, Q, Sum

from watchtime.aggregates import period_of
from watchtime.health import DEPTHS
from watchtime.models import QUARTER_SECONDS, Event, MovieQuarter
from watchtime.shared import Shared

FRESH = 0.15  # seconds that the number of events is good for, which says first that something happens
FRESH_SUMS = 0.4  # seconds that the others are
RATE_WINDOW = timedelta(seconds=5)
RATE_ROWS = (100, 1_000, 10_000)  # of the newest events, more of them where they are all within the window
WATCHING = timedelta(seconds=60)  # since the last event of somebody who watches; players report every 30
WATCHING_ROWS = 20_000
LONGEST_DAY = 27 * 4  # quarters of an hour, of any time zone, and some more
RECENT = 2  # quarters that are read again and again; the earlier ones, which are many, less often
FRESH_EARLIER = 5.0  # seconds


class Live(NamedTuple):
    """What happens now. The last two are None while the broker does not tell."""

    events_per_second: float
    watch_time_today: int
    viewers_now: int
    messages_waiting: int | None
    dead_letters: int | None


def live(zone: ZoneInfo) -> Live:
    """Return what happens now; today is that of the time zone. Raises DatabaseError."""
    depths = DEPTHS.latest()
    return Live(
        events_per_second=RATE.get(),
        watch_time_today=_since_midnight({**EARLIER.get(), **RECENTLY.get()}, zone),
        viewers_now=VIEWERS.get(),
        messages_waiting=depths.waiting if depths else None,
        dead_letters=depths.dead if depths else None,
    )


def _rate() -> float:
    """Return how many events were counted a second, in the mean of RATE_WINDOW; of less where those are very many."""
    now = _now()
    recent: dict[str, Any] = {}
    for rows in RATE_ROWS:
        within = Q(received_at__gt=now - RATE_WINDOW)
        newest = Event.objects.order_by("-pk").only("received_at")[:rows]
        recent = newest.aggregate(count=Count("pk", filter=within), since=Min("received_at", filter=within))
        if recent["count"] < rows:
            return float(recent["count"] / RATE_WINDOW.total_seconds())
    return float(recent["count"] / max(0.001, (now - recent["since"]).total_seconds()))


def _viewers() -> int:
    """Return how many viewers watched something within the last minute, among the newest WATCHING_ROWS events."""
    now = _now()
    newest = Event.objects.filter(occurred_at__gt=now - WATCHING, occurred_at__lte=now).order_by("-occurred_at", "-pk")
    return int(newest.only("user")[:WATCHING_ROWS].aggregate(viewers=Count("user", distinct=True))["viewers"])


def _earlier() -> Mapping[int, int]:
    """Return the seconds watched in each quarter of an hour that can be today, before the last ones."""
    now = period_of(_now(), QUARTER_SECONDS)
    return _quarters(now - LONGEST_DAY, now - RECENT)


def _recent() -> Mapping[int, int]:
    """Return the same of the last ones, in which most of what happens now is counted."""
    now = period_of(_now(), QUARTER_SECONDS)
    return _quarters(now - RECENT - 1, now)  # one more, which may have been the last when the earlier were read


def _quarters(first: int, last: int) -> Mapping[int, int]:
    sums = MovieQuarter.objects.filter(period__range=(first, last)).order_by().values("period")
    return dict(sums.annotate(sum=Sum("seconds")).values_list("period", "sum"))


def _since_midnight(quarters: Mapping[int, int], zone: ZoneInfo) -> int:
    midnight = _now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    first = period_of(midnight, QUARTER_SECONDS)
    return sum(int(seconds) for period, seconds in quarters.items() if period >= first)


def _now() -> datetime:
    return datetime.now(UTC)


RATE = Shared(_rate, FRESH)
VIEWERS = Shared(_viewers, FRESH_SUMS)
EARLIER = Shared(_earlier, FRESH_EARLIER)
RECENTLY = Shared(_recent, FRESH_SUMS)
