"""The most that a viewer may watch in a day, where VIEWER_DAY_MAX_SECONDS sets a limit."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import F, Sum

from watchtime.events import WatchEvent
from watchtime.models import Event


def over_daily_limit(events: Sequence[WatchEvent]) -> set[int]:
    """Return the positions of the events that would take their viewer over the limit of a UTC day.

    The day is that of `occurred_at`. Events that the ledger has already are duplicates, and never among
    these. Two consumers that check at the same moment can let through a batch each.
    """
    limit = settings.VIEWER_DAY_MAX_SECONDS
    if not limit:
        return set()
    refused = set()
    watched, known = _watched(events), _known(events)
    for position, event in enumerate(events):
        if (event.user, event.id) in known:
            continue
        day = event.user, event.occurred_at.date()
        if watched[day] + event.at - event.start > limit:
            refused.add(position)
        else:
            watched[day] += event.at - event.start
            known.add((event.user, event.id))
    return refused


def _watched(events: Sequence[WatchEvent]) -> Counter[tuple[str, date]]:
    """Return the seconds that the ledger has of each viewer and day of the events; a query a day."""
    viewers: defaultdict[date, set[str]] = defaultdict(set)
    for event in events:
        viewers[event.occurred_at.date()].add(event.user)
    watched: Counter[tuple[str, date]] = Counter()
    for day, usernames in viewers.items():
        begin = datetime.combine(day, time(), UTC)
        listed = Event.objects.filter(
            user__username__in=usernames, occurred_at__gte=begin, occurred_at__lt=begin + timedelta(days=1)
        )
        sums = listed.order_by().values_list("user__username").annotate(seconds=Sum(F("at") - F("start")))
        watched.update({(username, day): seconds for username, seconds in sums})
    return watched


def _known(events: Sequence[WatchEvent]) -> set[tuple[str, UUID]]:
    """Return the viewers and ids of the events that the ledger has."""
    found = Event.objects.filter(
        user__username__in={event.user for event in events}, event_id__in={event.id for event in events}
    )
    return set(found.values_list("user__username", "event_id"))
