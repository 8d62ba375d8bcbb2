"""Lists that are read a page at a time, each page one statement and a few steps on an index.

What was read together has its own lists read together, too: a list under each of a hundred viewers is one statement.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from operator import attrgetter
from typing import Any, Literal, Protocol, cast

from django.conf import settings
from django.db.models import F, Model, Q, QuerySet, Value
from django.db.models.functions import Least

from watchtime.history import CursorPosition, LedgerFilter, count_events, events
from watchtime.keyset import Order, Window, a_name, a_number, a_time
from watchtime.models import CustomUser, Movie, WatchTime
from watchtime.replica import read_connection

# Orders that have an index. A cursor carries the order's name, so two lists share none.
BY_ID = Order("ID", ("id",), kinds=(a_number,))
# The index has the magnitude of the total only; rows of one magnitude are sorted.
BY_TOTAL = ("magnitude", "total_watch_time", "id")
TOTAL_KINDS = (a_number, a_number, a_number)
NEWEST_FIRST = Order("NEWEST", ("occurred_at", "id"), descending=True, kinds=(a_time, a_number))
MOST_USERS = Order("MOST_WATCHED_USERS", BY_TOTAL, descending=True, kinds=TOTAL_KINDS)
LEAST_USERS = Order("LEAST_WATCHED_USERS", BY_TOTAL, kinds=TOTAL_KINDS)
USERNAME_ASC = Order("USERNAME_ASC", ("username",), kinds=(a_name,))
USERNAME_DESC = Order("USERNAME_DESC", ("username",), descending=True, kinds=(a_name,))
MOST_MOVIES = Order("MOST_WATCHED_MOVIES", BY_TOTAL, descending=True, kinds=TOTAL_KINDS)
LEAST_MOVIES = Order("LEAST_WATCHED_MOVIES", BY_TOTAL, kinds=TOTAL_KINDS)
WATCHED_LAST = Order(
    "WATCHED_LAST", ("watched_day", "watched_at", "id"), descending=True, kinds=(a_number, a_time, a_number)
)
SLUG_ASC = Order("SLUG_ASC", ("slug",), kinds=(a_name,))
SLUG_DESC = Order("SLUG_DESC", ("slug",), descending=True, kinds=(a_name,))

_BATCH = "_watchtime_batch"
Owner = Literal["user", "movie"]
Page = Callable[["QuerySet[WatchTime]"], "QuerySet[WatchTime]"]  # cuts a page out of an owner's pairs
PARTS_OF_A_STATEMENT = 400  # SQLite takes 500
# What clients can read, and what cursors hold.
COLUMNS: Mapping[Owner, Sequence[str]] = {
    "user": ("username", "total_watch_time", "magnitude"),
    "movie": ("title", "slug", "duration_seconds", "total_watch_time", "magnitude"),
}
PAIR_COLUMNS = (
    "user_id",
    "movie_id",
    "last_moment",
    "total",
    "unique_seconds",
    "coverage",
    "resume_moment",
    "watched_at",
    "watched_day",
)


class Source(Protocol):
    """A list, and the order that it is read in."""

    order: Order

    def read(self, window: Window) -> Sequence[Model]:
        """Return the rows of the window and one more, as `Window.cut` does."""

    def count(self) -> int | None:
        """Return how many rows there are; None when it would have to count more than the setting allows."""


class Rows:
    """A source that is a queryset; what it reads is remembered as read together."""

    def __init__(self, queryset: QuerySet[Any], order: Order) -> None:
        self.queryset = queryset
        self.order = order

    def read(self, window: Window) -> Sequence[Model]:
        """Read the window in one statement."""
        rows = window.cut(self.queryset)
        remember_together(rows)
        return rows

    def count(self) -> int | None:
        """Count up to one more than the setting, so that a table of any size costs the same."""
        return _unless_too_many(self.queryset.order_by()[: settings.GRAPHQL_MAX_COUNT + 1].count())


class Ledger:
    """A source that is a selection of the ledger, newest first; None is one without events."""

    order = NEWEST_FIRST

    def __init__(self, selection: LedgerFilter | None) -> None:
        self.selection = selection

    def read(self, window: Window) -> Sequence[Model]:
        """Read the window in one statement."""
        if self.selection is None:
            return []
        newer, older = cast("CursorPosition | None", window.after), cast("CursorPosition | None", window.before)
        selection = self.selection.between(above=older, below=newer)
        rows = events(selection, window.size + 1, oldest_first=window.backwards)
        remember_together(rows)
        return rows

    def count(self) -> int | None:
        """Count up to one more than the setting, so that a ledger of any size costs the same."""
        return (
            0
            if self.selection is None
            else _unless_too_many(count_events(self.selection, settings.GRAPHQL_MAX_COUNT + 1))
        )


class Nothing:
    """A source without rows."""

    def __init__(self, order: Order) -> None:
        self.order = order

    def read(self, window: Window) -> Sequence[Model]:
        """Return no rows."""
        return []

    def count(self) -> int:
        """Return how many there are."""
        return 0


class Batch:
    """Viewers or movies that were read together, whose pairs are read together, too.

    Without it a list under each of a hundred viewers would be a hundred statements.
    """

    def __init__(self, objects: Sequence[Model]) -> None:
        self.objects = {item.pk: item for item in objects}
        self.pages: dict[Window, dict[Any, list[WatchTime]]] = {}
        self.counts: dict[Order, dict[int, int] | None] = {}

    @classmethod
    def of(cls, item: Model) -> "Batch":
        """Return the batch that the object was read in."""
        batch = vars(item).get(_BATCH)
        return batch if isinstance(batch, cls) else cls([item])

    @cached_property
    def owner(self) -> Owner:
        """What these objects are to their pairs."""
        return "movie" if isinstance(next(iter(self.objects.values())), Movie) else "user"

    def count(self, order: Order, condition: Q) -> dict[int, int] | None:
        """Return how many pairs of the list in this order each object has; None when they are too many together."""
        if order not in self.counts:
            limit = settings.GRAPHQL_MAX_COUNT + 1
            counts = count_of_each(self.owner, list(self.objects), WatchTime.objects.filter(condition), limit)
            self.counts[order] = None if _unless_too_many(sum(counts.values())) is None else counts
        return self.counts[order]

    def page(self, window: Window, condition: Q) -> dict[Any, list[WatchTime]]:
        """Return the window of every object's pairs that meet the condition, by the object's pk."""
        if window not in self.pages:
            self.pages[window] = self._read(window, condition)
        return self.pages[window]

    def _read(self, window: Window, condition: Q) -> dict[Any, list[WatchTime]]:
        rows = page_of_each(
            self.owner, self.objects, lambda pairs: window.restrict(pairs.filter(condition))[: window.size + 1]
        )
        pages: dict[Any, list[WatchTime]] = {pk: [] for pk in self.objects}
        for row in sorted(rows, key=attrgetter(*window.order.columns), reverse=window.descending):
            pk = getattr(row, f"{self.owner}_id")
            setattr(row, self.owner, self.objects[pk])
            pages[pk].append(row)
        remember_together(rows)
        return pages


class PairsOf:
    """A source that is the pairs of one viewer or movie, in the order of first views."""

    order = BY_ID
    condition = Q()

    def __init__(self, parent: Model) -> None:
        self.parent = parent
        self.batch = Batch.of(parent)

    def read(self, window: Window) -> Sequence[Model]:
        """Read the window for every object of the batch, once."""
        return self.batch.page(window, self.condition)[self.parent.pk]

    def count(self) -> int | None:
        """Count for every object of the batch, once."""
        counts = self.batch.count(self.order, self.condition)
        return counts[self.parent.pk] if counts is not None else None


class ContinueWatching(PairsOf):
    """A source that is the pairs of one viewer that can be resumed, those watched last first."""

    order = WATCHED_LAST

    def __init__(self, parent: CustomUser) -> None:
        super().__init__(parent)
        self.condition = resumable()


def resumable() -> Q:
    """Return the condition that a pair is begun and not finished.

    Finished is what ends within the last FINISHED_PERCENT of the movie's duration, or its last FINISHED_SECONDS,
    whichever is less; while the duration is unknown, nothing is.
    """
    duration = F("movie__duration_seconds")
    margin = Least(duration * settings.FINISHED_PERCENT / 100.0, Value(float(settings.FINISHED_SECONDS)))
    unfinished = Q(movie__duration_seconds=None) | Q(resume_moment__lt=duration - margin)
    return Q(resume_moment__gte=settings.RESUME_AFTER_SECONDS) & unfinished


def _unless_too_many(count: int) -> int | None:
    return count if count <= settings.GRAPHQL_MAX_COUNT else None


def remember_together(rows: Iterable[Model]) -> None:
    """Make a batch of viewers or movies, and two of those that came along with pairs or events."""
    together = list(rows)
    if together and isinstance(together[0], CustomUser | Movie):
        _mark(together)
    elif together:
        for name in ("user", "movie"):
            related = [getattr(row, name) for row in together]
            _mark([item for item in related if _BATCH not in vars(item)])


def _mark(objects: Sequence[Model]) -> None:
    batch = Batch(objects)
    for item in objects:
        vars(item)[_BATCH] = batch


def page_of_each(owner: Owner, pks: Iterable[int], page: Page) -> list[WatchTime]:
    """Return the pairs of a page of each owner, with the viewer or movie that is not the owner, in no order."""
    other: Owner = "movie" if owner == "user" else "user"
    columns = (*PAIR_COLUMNS, *(f"{other}__{column}" for column in COLUMNS[other]))
    found = WatchTime.objects.filter(pk__in=list(_pks_of_each(owner, pks, page)))
    return list(found.select_related(other).only(*columns))


def count_of_each(owner: Owner, pks: Sequence[int], pairs: QuerySet[WatchTime], limit: int) -> dict[int, int]:
    """Return how many of the pairs each owner has, counting no further than `limit` of all together."""
    rows = pairs.filter(**{f"{owner}__in": pks}).values(f"{owner}_id")[:limit]
    part, params = rows.query.sql_with_params()
    with read_connection().cursor() as cursor:
        # The limit is within, so that a movie that everybody watched costs no more than this.
        cursor.execute(f"SELECT {owner}_id, COUNT(*) FROM ({part}) AS part GROUP BY {owner}_id", params)
        counts = dict(cursor.fetchall())
    return {pk: counts.get(pk, 0) for pk in pks}


def _pks_of_each(owner: Owner, pks: Iterable[int], page: Page) -> Iterator[int]:
    """Yield the primary keys of the pairs on a page of each owner.

    One statement with a part per owner, each a few steps on the index. Window
    functions number the whole history of every owner, and a join that looks up
    where each part ends tempts PostgreSQL into reading the whole table.
    """
    part, (_, *params) = page(WatchTime.objects.filter(**{owner: 0})).values("pk").query.sql_with_params()
    part = f"SELECT * FROM ({part}) AS part"
    remaining = iter(pks)
    while chunk := list(islice(remaining, PARTS_OF_A_STATEMENT)):
        with read_connection().cursor() as cursor:
            statement = " UNION ALL ".join([part] * len(chunk))
            cursor.execute(statement, [param for pk in chunk for param in (pk, *params)])
            yield from (pk for (pk,) in cursor.fetchall())
