"""Erasing a viewer: everything that is held of one goes, and the movies' numbers become what they would be without."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from watchtime.aggregates import Curve, Entry, Period
from watchtime.coverage import decode_coverage, decode_numbers
from watchtime.erased import remember_ids, viewer_digest
from watchtime.fold import add_to_blocks
from watchtime.models import (
    BLOCK_SECONDS,
    CustomUser,
    Erasure,
    Event,
    Movie,
    MovieBlock,
    MovieDay,
    MovieQuarter,
    PrunedKey,
    PrunedPair,
    PrunedQuarter,
    WatchTime,
)
from watchtime.pruning import base_of_pair, lock_ledger
from watchtime.rows import write

READ_AT_ONCE = 5_000  # rows
OWNED = (Event, WatchTime, PrunedPair, PrunedQuarter, PrunedKey)


class UnknownViewer(Exception):
    """There is no viewer of this name."""


def count_movies(username: str) -> int:
    """Return how many movies a viewer watched: how often `erase` tells how far it is."""
    return WatchTime.objects.filter(user__username=username).count()


def erase(username: str, progress: Callable[[], object] = lambda: None) -> int:
    """Erase a viewer in one transaction; return how many events that were. Calls `progress` after each movie.

    Consumers wait meanwhile. Raises UnknownViewer.
    """
    with transaction.atomic(durable=True):
        lock_ledger()
        viewer = CustomUser.objects.filter(username=username).first()
        if viewer is None:
            raise UnknownViewer(username)
        number = _remember(viewer, timezone.now())
        for pair in WatchTime.objects.filter(user=viewer).order_by("movie_id"):
            _subtract(pair)
            progress()
        for model in OWNED:
            model.objects.filter(user=viewer).delete()
        kind = ContentType.objects.get_for_model(CustomUser)
        LogEntry.objects.filter(content_type=kind, object_id=str(viewer.pk)).delete()
        viewer.delete()
    return number


def _remember(viewer: CustomUser, now: datetime) -> int:
    """Keep what keeps the viewer's events from bringing them back; return how many events there are."""
    Erasure.objects.update_or_create(
        digest=viewer_digest(viewer.username), defaults={"erased_at": now, "gone_id": viewer.pk, "user_id": None}
    )
    number = 0
    for model in (Event, PrunedKey):
        ids = model.objects.filter(user=viewer).values_list("event_id", flat=True)
        for chunk in _chunks(ids.iterator(READ_AT_ONCE)):
            remember_ids((viewer.username, event_id) for event_id in chunk)
            number += len(chunk)
    return number


def _chunks(ids: Iterator[UUID]) -> Iterator[list[UUID]]:
    while chunk := list(islice(ids, READ_AT_ONCE)):
        yield chunk


def _subtract(pair: WatchTime) -> None:
    """Take what a viewer watched of a movie out of the movie's numbers."""
    watched = base_of_pair(pair.movie_id, pair.user_id)
    events = Event.objects.filter(user=pair.user_id, movie=pair.movie_id).values_list(*Entry._fields)
    for row in events.iterator(READ_AT_ONCE):
        watched.add(Entry(*row))
    viewers = Curve()
    viewers.add_coverage(pair.movie_id, decode_coverage(bytes(pair.coverage)))
    add_to_blocks(_negative(watched.views), _negative(viewers))
    MovieBlock.objects.filter(movie=pair.movie_id, block__in=_empty_blocks(pair.movie_id)).delete()
    _subtract_from(MovieQuarter, watched.quarters)
    _subtract_from(MovieDay, watched.days())
    Movie.objects.filter(pk=pair.movie_id).update(total_watch_time=F("total_watch_time") - pair.total)


def _negative(curve: Curve) -> Curve:
    negative = Curve()
    for (movie_id, moment), change in curve.edges().items():
        negative.add_edge(movie_id, moment, -change)
    return negative


def _empty_blocks(movie_id: int) -> list[int]:
    """Return the blocks of a movie in which nothing changes any more."""
    rows = MovieBlock.objects.filter(movie=movie_id).values_list("block", "views", "viewers")
    return [
        block
        for block, *curves in rows
        if not any(any(decode_numbers(bytes(stored), BLOCK_SECONDS)) for stored in curves)
    ]


def _subtract_from(model: type[MovieQuarter | MovieDay], periods: Mapping[Period, tuple[int, int]]) -> None:
    """Subtract seconds and events from the movies' quarters or days, and remove those without any event."""
    table = model._meta.db_table
    columns = ["movie_id", "period", "seconds", "events"]
    write(
        f"UPDATE {table} SET seconds = {table}.seconds - batch.seconds, events = {table}.events - batch.events "
        f"FROM {{rows}} WHERE {table}.movie_id = batch.movie_id AND {table}.period = batch.period",
        model,
        columns,
        [(*period, *numbers) for period, numbers in sorted(periods.items())],
    )
    model.objects.filter(movie__in={movie_id for movie_id, _ in periods}, events=0).delete()
