"""The reads of the ledger: pages by the time watched, each a few steps on one index, however long the ledger."""

from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from django.db.models import Count, Q, QuerySet

from watchtime.keyset import is_storable
from watchtime.models import Event
from watchtime.replica import read_connection
from watchtime.rows import keyset_condition

NO_ID = 0  # less than that of any row
IDS = """
    SELECT (SELECT id FROM watchtime_customuser WHERE username = %s), (SELECT id FROM watchtime_movie WHERE slug = %s)
"""

LEDGER_ORDER = ("occurred_at", "id")  # what the ledger is ordered by
CursorPosition = tuple[datetime, int]  # the values of these


class LedgerFilter(NamedTuple):
    """The events of one viewer, one movie, both or all that lie between two positions, not at them."""

    user_id: int | None = None
    movie_id: int | None = None
    above: CursorPosition | None = None
    below: CursorPosition | None = None

    def between(self, above: CursorPosition | None, below: CursorPosition | None) -> "LedgerFilter":
        """Return the part of this selection that also lies between these positions."""
        # One bound at each end: of two, a database would start at the one and read on to the other.
        return self._replace(
            above=max(filter(None, (self.above, above)), default=None),
            below=min(filter(None, (self.below, below)), default=None),
        )


def ledger_filter(
    *,
    username: str | None = None,
    slug: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> LedgerFilter | None:
    """Return the events of this viewer and this movie, watched at `since` or later and before `until`.

    None when the viewer or the movie is unknown.
    """
    user_id, movie_id = _ids(username, slug)
    if (username is not None and user_id is None) or (slug is not None and movie_id is None):
        return None
    above, below = ((time, NO_ID) if time else None for time in (since, until))
    return LedgerFilter(user_id, movie_id, above, below)


def events(selection: LedgerFilter, limit: int, *, oldest_first: bool = False) -> list[Event]:
    """Return up to `limit` events with their viewers and movies: the newest first, or the oldest first."""
    page = Event.objects.filter(pk__in=_stretch(selection, oldest_first).values("pk")[:limit])
    # In order again, but here: asked for an order of the page, a database may find the page by it.
    return sorted(page.select_related("user", "movie"), key=attrgetter(*LEDGER_ORDER), reverse=not oldest_first)


def count_events(selection: LedgerFilter, limit: int) -> int:
    """Return how many events are selected, looking at no more than `limit`; `limit` when there are more to look at.

    For a viewer and a movie it reads all events of the viewer, which can be a thousand times as many.
    """
    if selection.user_id is None or selection.movie_id is None:
        return _stretch(selection)[:limit].count()
    looked_at = _stretch(selection._replace(movie_id=None)).values("movie_id")[:limit]
    counts = looked_at.aggregate(all=Count("*"), found=Count("movie_id", filter=Q(movie_id=selection.movie_id)))
    return int(counts["found"]) if counts["all"] < limit else limit


def _ids(username: str | None, slug: str | None) -> tuple[int | None, int | None]:
    if username is None and slug is None:
        return None, None
    if not all(is_storable(text) for text in (username, slug) if text is not None):
        return None, None
    with read_connection().cursor() as cursor:
        cursor.execute(IDS, [username, slug])
        user_id, movie_id = cursor.fetchone()
    return user_id, movie_id


def _stretch(selection: LedgerFilter, oldest_first: bool = False) -> QuerySet[Event]:
    """Return the selection in order, as one stretch of an index."""
    rows = Event.objects.order_by(*_order(oldest_first))
    if selection.user_id is not None:
        rows = _of_one(rows, "user_id", selection.user_id, oldest_first)
        rows = rows if selection.movie_id is None else rows.filter(movie=selection.movie_id)
    elif selection.movie_id is not None:
        rows = _of_one(rows, "movie_id", selection.movie_id, oldest_first)
    above = [keyset_condition(LEDGER_ORDER, selection.above, descending=False)] if selection.above else []
    below = [keyset_condition(LEDGER_ORDER, selection.below, descending=True)] if selection.below else []
    return rows.filter(*above, *below)


def _of_one(rows: QuerySet[Event], column: str, pk: int, oldest_first: bool) -> QuerySet[Event]:
    """Return the rows of one viewer or movie, so that no index but theirs has them in order.

    Asked for one id alone, PostgreSQL may walk the index of all times and pick out the
    viewer's on the way: the whole ledger, where they watched nothing in the time asked for.
    """
    return rows.filter(**{f"{column}__in": [pk, NO_ID]}).order_by(*_order(oldest_first, column))


def _order(oldest_first: bool, *columns: str) -> list[str]:
    sign = "" if oldest_first else "-"
    return [f"{sign}{column}" for column in (*columns, *LEDGER_ORDER)]
