"""The embedded queue: a table of the service's own database. Nothing to install."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any, NamedTuple

from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    close_old_connections,
    connection,
    transaction,
)
from django.db.models import F
from django.db.models.expressions import RawSQL
from django.utils import timezone

from broker.base import Broker
from broker.delivery import MESSAGE_BYTES, DeadLetter, Delivery, Depths, Rejection, Subscription
from broker.errors import ONE_READER, BrokerError, BrokerUnavailable, NothingStored, describe
from broker.group_commit import GroupCommit
from broker.headers import current_headers
from broker.length import Length
from broker.models import Message, MessageQuerySet
from broker.topology import DELIVERY_LIMIT

# A consumer may hold a message for as long as the database may take for one statement, and this
# many seconds more. A fold that takes longer is done twice and counted once; a consumer that
# died is made good this much later.
LEASE_MARGIN = 1.0
INSERT = "INSERT INTO broker_message (queue, body, headers, sent_at, deliveries, reason) VALUES (%s, %s, %s, %s, 0, '')"
LIMIT_STATEMENTS = (
    "SELECT set_config('statement_timeout', %(limit)s, true) WHERE current_setting('statement_timeout')::interval "
    "NOT BETWEEN interval '1 microsecond' AND %(limit)s::text::interval"
)
# Seconds between two looks at an empty queue: the longer nothing came, the longer.
MIN_POLL_INTERVAL, MAX_POLL_INTERVAL, POLL_SHARE = 0.02, 0.25, 0.1
COUNTING_SHARE = 0.1  # of the time, at most, that a full queue is counted
SWEEP_INTERVAL = 3600.0  # seconds between two looks for dead letters that are too old
DROPPED_AT_ONCE = 0.01  # of a full queue of dead letters: each drop counts the queue
Stored = tuple[bytes, str | None, Any]  # a body, its headers as JSON, and when it was first sent, as it is stored
WORN_OUT = f"given up after {DELIVERY_LIMIT} deliveries: each time its consumer ended before it was done"


class DatabaseBroker(Broker):
    """Queues in the table of `Message`.

    `publish_timeout` and `lease` are in seconds. Each queue holds at most `max_length` messages: a
    full queue of events refuses more, a full queue of dead letters drops the oldest, and those
    older than `dead_letter_days`.
    """

    def __init__(
        self,
        queue: str,
        *,
        publish_timeout: float = 5.0,
        max_length: int = 5_000_000,
        dead_letter_days: int = 30,
        lease: float = 6.0,
    ) -> None:
        super().__init__(queue)
        self.lease = timedelta(seconds=lease)
        self._publish_timeout = publish_timeout
        self._max_length = max_length
        self._max_age = timedelta(days=dead_letter_days)
        self._length, self._dead_length = Length(queue, max_length), Length(self.dead_queue, max_length)
        self._sweep_at = self._full_until = 0.0
        self.after_fork()

    def after_fork(self) -> None:
        self._group = GroupCommit(self._insert)

    def publish(self, messages: Sequence[bytes]) -> None:
        """Insert the messages in one transaction, together with what other threads publish: all are stored, or none."""
        headers, now = _encoded(current_headers()), _stored_time(timezone.now())
        self._store([(body, headers, now) for body in messages])

    def publish_again(self, deliveries: Sequence[Delivery]) -> None:
        self._store([(each.body, _encoded(each.headers), _stored_time(_sent_at(each))) for each in deliveries])

    def _store(self, messages: Sequence[Stored]) -> None:
        try:
            self._group.store(messages, self._publish_timeout)
        except TimeoutError:
            raise BrokerUnavailable(f"the queue's database did not answer within {self._publish_timeout} s") from None

    def _insert(self, messages: Sequence[Stored], timeout: float) -> None:
        committing, deadline = False, time.monotonic() + timeout
        try:
            with _broker_errors(), self._limited(timeout), transaction.atomic(durable=True):
                self._limit_statements(timeout)
                self._require_room(len(messages))
                if (left := deadline - time.monotonic()) < 0.9 * timeout:
                    self._limit_statements(left)
                with connection.cursor() as cursor:
                    cursor.executemany(INSERT, [(self.queue, *message) for message in messages])
                committing = True
        except BrokerUnavailable as error:
            if committing:
                raise
            raise NothingStored(str(error)) from error

    @contextmanager
    def _limited(self, timeout: float) -> Iterator[None]:
        """Wait for the lock of SQLite as long as is left of the time to publish: some of it was spent in the line."""
        if timeout <= 0:
            raise BrokerUnavailable("the queue's database is too slow")
        if connection.vendor != "sqlite" or timeout > 0.9 * self._publish_timeout:
            yield
            return
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {int(1000 * timeout)}")
            try:
                yield
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {int(1000 * self._publish_timeout)}")

    def _limit_statements(self, timeout: float) -> None:
        """Have PostgreSQL end a statement of this transaction that takes longer than this, unless it would sooner."""
        if connection.vendor == "postgresql":
            limit = f"{max(1, int(1000 * timeout))}ms"  # 0 would be none
            with connection.cursor() as cursor:
                cursor.execute(LIMIT_STATEMENTS, {"limit": limit})

    def _require_room(self, count: int) -> None:
        """Raise BrokerUnavailable when so many messages more are too many, and then for a while without counting."""
        began = time.monotonic()
        if began >= self._full_until and not self._length.excess(count):
            return
        self._full_until = max(self._full_until, began + (time.monotonic() - began) / COUNTING_SHARE)
        raise BrokerUnavailable(f"the queue is full: it holds at most {self._max_length} messages")

    def depths(self) -> Depths:
        with _broker_errors():
            waiting, dead = (
                Message.objects.filter(queue=queue).ready(timezone.now()).count()
                for queue in (self.queue, self.dead_queue)
            )
        return Depths(waiting, dead)

    def check(self) -> None:
        with _broker_errors():
            self._require_room(1)

    def subscribe(self, queue: str, prefetch: int) -> Subscription:
        self._drop_old_dead_letters()
        if queue == self.dead_queue:
            self._require_no_reader()
        return _Leases(self, queue, prefetch)

    def _require_no_reader(self) -> None:
        """Raise BrokerUnavailable while another replay holds dead letters: nobody else is handed those."""
        with _broker_errors():
            if Message.objects.filter(queue=self.dead_queue, leased_until__gt=timezone.now()).exists():
                raise BrokerUnavailable(ONE_READER)

    def store_dead_letters(self, letters: Sequence[Message]) -> None:
        """Store dead letters; drop the oldest where there are too many."""
        with _broker_errors():
            Message.objects.bulk_create(letters)
            if excess := self._dead_length.excess():
                self._drop_dead_letters(excess + int(DROPPED_AT_ONCE * self._max_length))
        self._drop_old_dead_letters()

    def _drop_dead_letters(self, count: int) -> None:
        letters = Message.objects.filter(queue=self.dead_queue).fresh()
        kept = letters.values_list("pk", flat=True)[count : count + 1].first()
        dropped, _ = (letters if kept is None else letters.filter(pk__lt=kept)).delete()
        self.note_dropped(dropped, "it is full")

    def _drop_old_dead_letters(self) -> None:
        if time.monotonic() < self._sweep_at:
            return
        with _broker_errors():
            old = Message.objects.filter(queue=self.dead_queue, refused_at__lt=timezone.now() - self._max_age)
            dropped, _ = old.fresh().delete()
        self._sweep_at = time.monotonic() + SWEEP_INTERVAL
        self.note_dropped(dropped, f"they are older than {self._max_age.days} days")

    def iterate_dead_letters(self, limit: int) -> Iterator[DeadLetter]:
        letters = Message.objects.filter(queue=self.dead_queue)
        with _broker_errors():
            oldest = sorted([*letters.fresh()[:limit], *letters.leased()[:limit]], key=lambda letter: letter.pk)
        for letter in oldest[:limit]:
            yield DeadLetter(bytes(letter.body), letter.reason, letter.sent_at)

    def purge_dead_letters(self) -> int:
        letters = Message.objects.filter(queue=self.dead_queue)
        with _broker_errors(), transaction.atomic():
            return sum(part.delete()[0] for part in (letters.fresh(), letters.leased()))

    def close(self) -> None:
        """Nothing to close: the connection is Django's."""


class _Leases(Subscription):
    """A consumer's leases on the messages of one queue."""

    def __init__(self, broker: DatabaseBroker, queue: str, prefetch: int) -> None:
        self._broker = broker
        self._queue = queue
        self._messages = Message.objects.filter(queue=queue)
        self._prefetch = prefetch
        self._mean_bytes = MESSAGE_BYTES  # of the messages leased last
        self._leased_at = time.monotonic()
        self._held: set[int] = set()
        self.backlog = self.depth()

    def receive(self, limit: int, timeout: float) -> list[Delivery]:
        deadline = time.monotonic() + timeout
        while True:
            with _broker_errors():
                deliveries = self._lease(min(limit, self._prefetch))
            now = time.monotonic()
            if deliveries:
                self._leased_at = now
            if deliveries or now >= deadline:
                return deliveries
            idle = POLL_SHARE * (now - self._leased_at)
            time.sleep(min(max(MIN_POLL_INTERVAL, min(idle, MAX_POLL_INTERVAL)), timeout))

    def _lease(self, limit: int) -> list[Delivery]:
        now = timezone.now()
        fresh, expired = self._messages.fresh(), self._messages.expired(now)
        if not (fresh.exists() or expired.exists()):  # an idle consumer takes no write lock
            return []
        fitting = min(limit, max(1, limit * MESSAGE_BYTES // self._mean_bytes))
        with transaction.atomic(durable=True):
            rows = list(_rows(expired.select_for_update(skip_locked=True)[:fitting]))
            rows += _rows(fresh.select_for_update(skip_locked=True)[: fitting - len(rows)])
            rows = self._without_worn_out(_fit(rows, limit * MESSAGE_BYTES))
            tags = [row.pk for row in rows]
            self._among(tags).update(leased_until=now + self._broker.lease, deliveries=F("deliveries") + 1)
        self._mean_bytes = max(1, sum(len(row.body) for row in rows) // max(1, len(rows)))
        self._held.update(tags)
        return [_delivery(row) for row in rows]

    def _without_worn_out(self, rows: Sequence["_Row"]) -> list["_Row"]:
        """Return the messages but for those that were delivered too often; they become dead letters."""
        worn_out = [row.pk for row in rows if row.deliveries >= DELIVERY_LIMIT]
        if worn_out and self._queue != self._broker.dead_queue:
            self._among(worn_out).update(
                queue=self._broker.dead_queue, leased_until=None, reason=WORN_OUT, refused_at=timezone.now()
            )
            return [row for row in rows if row.pk not in worn_out]
        return list(rows)

    def _among(self, tags: Sequence[int]) -> MessageQuerySet:
        """Return these messages of the queue. One parameter has them all: Django takes long over a thousand."""
        if connection.vendor == "postgresql":
            return self._messages.filter(pk__in=RawSQL("SELECT unnest(%s::bigint[])", [tags]))
        return self._messages.filter(pk__in=RawSQL("SELECT value FROM json_each(%s)", [json.dumps(tags)]))

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        # Also those whose lease ran out: who acknowledges has saved them.
        tags = [delivery.tag for delivery in deliveries]
        with _broker_errors():
            self._among(tags).delete()
        self._held.difference_update(tags)

    def dead_letter(self, rejections: Sequence[Rejection]) -> None:
        now = timezone.now()
        self._broker.store_dead_letters(
            [
                Message(
                    queue=self._broker.dead_queue,
                    body=body,
                    headers=delivery.headers,
                    sent_at=_sent_at(delivery),
                    reason=reason,
                    refused_at=now,
                )
                for delivery, reason, body in rejections
            ]
        )

    def widen(self, prefetch: int) -> None:
        self._prefetch = prefetch

    def keep(self, deliveries: Sequence[Delivery]) -> None:
        until = timezone.now() + self._broker.lease
        with suppress(BrokerUnavailable), _broker_errors():  # nobody else can lease them then, either
            self._among([delivery.tag for delivery in deliveries]).update(leased_until=until)

    def cancel(self) -> list[Delivery]:
        return []  # nothing is handed over before it is asked for

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Nothing to do: `cancel` returned nothing."""

    def depth(self) -> int:
        with _broker_errors():
            return self._messages.ready(timezone.now()).count()

    def close(self) -> None:
        """End the leases that are left; they run out by themselves when that fails."""
        with suppress(BrokerUnavailable), _broker_errors():
            self._among([*self._held]).update(leased_until=timezone.now())


def _encoded(headers: Mapping[str, Any] | None) -> str | None:
    return json.dumps(headers) if headers else None


def _sent_at(delivery: Delivery) -> datetime:
    return datetime.fromtimestamp(delivery.sent_at or time.time(), UTC)


def _stored_time(time_: datetime) -> Any:
    """Return a time as the database stores it: the statement that inserts messages is not Django's."""
    return connection.ops.adapt_datetimefield_value(time_)


class _Row(NamedTuple):
    """What a consumer needs of a message: an object of Django's for each takes longer than to read it."""

    pk: int
    body: bytes
    headers: Mapping[str, Any] | None
    sent_at: datetime
    deliveries: int


def _rows(messages: MessageQuerySet) -> Iterator[_Row]:
    for pk, body, *others in messages.values_list(*_Row._fields):
        yield _Row(pk, bytes(body), *others)


def _delivery(row: _Row) -> Delivery:
    redelivered = row.deliveries > 0
    return Delivery(row.body, row.pk, redelivered, row.sent_at.timestamp(), row.headers)


def _fit(rows: Sequence[_Row], size: int) -> list[_Row]:
    """Return the first messages, until they have so many bytes."""
    sizes = accumulate((len(row.body) for row in rows), initial=0)
    return [row for row, before in zip(rows, sizes, strict=False) if before < size]


@contextmanager
def _broker_errors() -> Iterator[None]:
    """Raise BrokerUnavailable for the database's errors, BrokerError for those about the values of a message."""
    try:
        yield
    except (DataError, IntegrityError) as error:
        raise BrokerError(f"the queue's table refused the messages: {describe(error)}") from error
    except (DatabaseError, InterfaceError) as error:
        close_old_connections()  # a broken one would fail for ever
        name = connection.settings_dict["NAME"]
        raise BrokerUnavailable(f"the queue's database {name} is not available: {describe(error)}") from error
