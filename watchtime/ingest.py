"""What the consumer does with its deliveries: decode them, fold them, say which to refuse."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError, close_old_connections

from broker import Delivery, Rejection, TryAgain
from watchtime.events import FieldError, InvalidEvent, WatchEvent
from watchtime.fold import fold

MAX_REASON = 500


@dataclass
class Ingest:
    """Saves batches of deliveries, and counts what became of them."""

    counted: int = 0
    repeats: int = 0
    refused: int = 0

    def __call__(self, deliveries: Sequence[Delivery]) -> list[Rejection]:
        """Count the events of the deliveries; return those that can never be counted, with the reason.

        Raises TryAgain when the database is away or gave up; nothing is lost by calling again.
        """
        events: list[WatchEvent] = []
        sources: list[Delivery] = []
        rejections: list[Rejection] = []
        for delivery in deliveries:
            try:
                events.append(_decode(delivery))
                sources.append(delivery)
            except InvalidEvent as error:
                rejections.append(delivery.rejected(str(error)[:MAX_REASON]))
        try:
            folded = fold(events)
        except (OperationalError, InterfaceError) as error:
            close_old_connections()  # a broken one would fail for ever
            raise TryAgain(f"the database is not available: {error}") from error
        rejections += [
            sources[position].rejected(f"id: {events[position].id} is taken by an event with other content")
            for position in folded.conflicts
        ]
        self.counted += folded.counted
        self.repeats += folded.repeats
        self.refused += len(rejections)
        return rejections


def _decode(delivery: Delivery) -> WatchEvent:
    """Decode a message of an old producer, too: one without an id, which is minted here.

    Raises InvalidEvent, also for a message without an id that was delivered before: it may
    have been counted then, and nothing tells.
    """
    event = WatchEvent.decode(delivery.body)
    if delivery.redelivered and not event.has_own_id:
        reason = "Without an id, a repeated delivery cannot be told from a new event"
        raise InvalidEvent([FieldError("id", "missing", reason)], delivery.body)
    return event
