"""What the consumer does with its deliveries: decode them, fold their events, say which to refuse."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, close_old_connections

from broker import Delivery, Rejection, TryAgain, describe
from watchtime.daily_limit import over_daily_limit
from watchtime.database import database_address
from watchtime.events import FieldError, InvalidEvent, WatchEvent, decode_message
from watchtime.fold import Folded, fold

MAX_FOLD = 5000  # events in one transaction; a message can have many
NO_ID = FieldError("id", "missing", "Without an id, a repeated delivery cannot be told from a new event")


Source = tuple[Delivery, WatchEvent]


@dataclass
class IngestHandler:
    """Saves batches of deliveries, and counts the events by what became of them."""

    counted: int = 0
    repeats: int = 0
    conflicts: int = 0
    erased: int = 0  # events of erased viewers, which are left out
    refused: int = 0

    def __call__(self, deliveries: Sequence[Delivery]) -> list[Rejection]:
        """Count the events of the deliveries; return those that can never be counted, with the reason.

        Raises TryAgain when the database is away, or not fit for any event; nothing is lost by
        calling again.
        """
        sources: list[Source] = []
        rejections: list[Rejection] = []
        for delivery in deliveries:
            for part in _parts(delivery):
                if isinstance(part, InvalidEvent):
                    rejections.append(delivery.rejected(str(part), part.body))
                else:
                    sources.append((delivery, part))
        for start in range(0, len(sources), MAX_FOLD):
            within, over = _split_by_day(sources[start : start + MAX_FOLD])
            rejections += over + self._fold(within)
        self.refused += len(rejections)
        return rejections

    def repeatable(self, delivery: Delivery) -> bool:
        """Say whether every event of a message has its own id, so that a redelivery cannot be taken for a new event."""
        body = delivery.body
        if body.count(b'"id":') >= body.count(b'"user"') and b"null" not in body and b"\\" not in body:
            return True  # without decoding: there are at least as many ids as events
        return all(isinstance(part, InvalidEvent) or part.has_own_id for part in decode_message(body))

    def _fold(self, sources: Sequence[Source]) -> list[Rejection]:
        """Fold events; return the conflicts. Where one message alone fails, find the event that makes it fail."""
        try:
            folded = _fold(sources)
        except TryAgain:
            raise
        except Exception:
            if len(sources) == 1 or sources[0][0] is not sources[-1][0]:
                raise
            return self._fold_each(sources)
        self.counted += folded.counted
        self.repeats += folded.repeats
        self.conflicts += len(folded.conflicts)
        self.erased += folded.erased
        return [_conflict(*sources[position]) for position in folded.conflicts]

    def _fold_each(self, sources: Sequence[Source]) -> list[Rejection]:
        """Fold the events of one message each alone; return those that fail, unless every one does."""
        rejections: list[Rejection] = []
        failures: list[Exception] = []
        for delivery, event in sources:
            try:
                rejections += self._fold([(delivery, event)])
            except TryAgain:
                raise
            except Exception as error:
                failures.append(error)
                rejections.append(delivery.rejected(describe(error), event.encode()))
        if len(failures) == len(sources):
            raise failures[-1]
        return rejections


def _fold(sources: Sequence[Source]) -> Folded:
    events, sent = [event for _, event in sources], [delivery.sent_at for delivery, _ in sources]
    with _database_errors():
        return fold(events, sent) if any(sent) else fold(events)


@contextmanager
def _database_errors() -> Iterator[None]:
    """Raise TryAgain for each error of the database that is not about the values of an event.

    So not only where it is away: a missing table or column, a missing right, a full disk, a
    read-only server, a statement that took too long and too many connections are no event's fault.
    """
    try:
        yield
    except (DataError, IntegrityError):
        raise
    except (DatabaseError, InterfaceError) as error:
        close_old_connections()  # a broken one would fail for ever
        problem = f"the database {database_address()} does not take events now"
        raise TryAgain(f"{problem}: {describe(error)}") from error


def _split_by_day(sources: Sequence[Source]) -> tuple[list[Source], list[Rejection]]:
    """Return what may be folded, and the rejections of the events that go over their viewer's daily limit."""
    with _database_errors():
        over = over_daily_limit([event for _, event in sources])
    reason = f"at: The viewer's day would have more than the {settings.VIEWER_DAY_MAX_SECONDS} seconds that are allowed"
    rejections = [_rejected(*sources[position], reason) for position in sorted(over)]
    return [source for position, source in enumerate(sources) if position not in over], rejections


def _parts(delivery: Delivery) -> Iterator[WatchEvent | InvalidEvent]:
    """Yield what the delivery carries, with the ids that were minted when this was asked first.

    An event of an old producer has no id. Where its message was delivered before, the event may
    have been counted then, and nothing tells: it is invalid.
    """
    if delivery.content is None:
        delivery.content = decode_message(delivery.body)
    for part in delivery.content:
        if delivery.redelivered and isinstance(part, WatchEvent) and not part.has_own_id:
            alone = len(delivery.content) == 1
            yield InvalidEvent([NO_ID], delivery.body if alone else part.model_dump_json(exclude_unset=True).encode())
        else:
            yield part


def _conflict(delivery: Delivery, event: WatchEvent) -> Rejection:
    return _rejected(delivery, event, f"id: {event.id} is taken by an event with other content")


def _rejected(delivery: Delivery, event: WatchEvent, reason: str) -> Rejection:
    return delivery.rejected(reason, delivery.body if len(delivery.content) == 1 else event.encode())
