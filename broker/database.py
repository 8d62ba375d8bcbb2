"""The embedded queue: a table of the service's own database. Nothing to install."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections, connection, transaction
from django.db.models import F
from django.utils import timezone

from broker.base import Broker
from broker.delivery import MESSAGE_BYTES, DeadLetter, Delivery, Depths, Rejection, Subscription
from broker.errors import BrokerError, BrokerUnavailable
from broker.group_commit import GroupCommit
from broker.headers import current_headers
from broker.models import Message

# How long a consumer may hold a message before another gets it. A fold that takes longer
# is done twice and counted once; a consumer that died is made good this much later.
LEASE = timedelta(seconds=6)
INSERT = "INSERT INTO broker_message (queue, body, headers, sent_at, deliveries, reason) VALUES (%s, %s, %s, %s, 0, '')"
POLL_INTERVAL = 0.05  # seconds between two looks at an empty queue


class DatabaseBroker(Broker):
    """Queues in the table of `Message`."""

    def __init__(self, queue: str) -> None:
        super().__init__(queue)
        self._group = GroupCommit(self._insert)

    def publish(self, messages: Sequence[bytes]) -> None:
        """Insert the messages in one transaction, together with what other threads publish: all are stored, or none."""
        headers = current_headers()
        encoded = json.dumps(headers) if headers else None
        self._group.store([(body, encoded) for body in messages])

    def _insert(self, messages: Sequence[tuple[bytes, str | None]]) -> None:
        now = connection.ops.adapt_datetimefield_value(timezone.now())
        with _broker_errors(), transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.executemany(INSERT, [(self.queue, *message, now) for message in messages])

    def depths(self) -> Depths:
        with _broker_errors():
            waiting, dead = (
                Message.objects.filter(queue=queue).ready(timezone.now()).count()
                for queue in (self.queue, self.dead_queue)
            )
        return Depths(waiting, dead)

    def check(self) -> None:
        with _broker_errors():
            Message.objects.filter(queue=self.queue).exists()

    def subscribe(self, queue: str, prefetch: int) -> Subscription:
        return _Leases(queue, self.dead_queue, prefetch)

    def list_dead_letters(self, limit: int) -> list[DeadLetter]:
        with _broker_errors():
            letters = Message.objects.filter(queue=self.dead_queue).order_by("id")[:limit]
            return [DeadLetter(bytes(letter.body), letter.reason, letter.sent_at) for letter in letters]

    def purge_dead_letters(self) -> int:
        with _broker_errors():
            deleted, _ = Message.objects.filter(queue=self.dead_queue).delete()
        return deleted

    def close(self) -> None:
        """Nothing to close: the connection is Django's."""


class _Leases(Subscription):
    """A consumer's leases on the messages of one queue."""

    def __init__(self, queue: str, dead_queue: str, prefetch: int) -> None:
        self._messages = Message.objects.filter(queue=queue)
        self._dead_queue = dead_queue
        self._prefetch = prefetch
        self._mean_bytes = MESSAGE_BYTES  # of the messages leased last
        self.backlog = self.depth()

    def receive(self, limit: int, timeout: float) -> list[Delivery]:
        deadline = time.monotonic() + timeout
        while True:
            with _broker_errors():
                deliveries = self._lease(min(limit, self._prefetch))
            if deliveries or time.monotonic() >= deadline:
                return deliveries
            time.sleep(min(POLL_INTERVAL, timeout))

    def _lease(self, limit: int) -> list[Delivery]:
        now = timezone.now()
        ready = self._messages.ready(now)
        if not ready.exists():  # an idle consumer takes no write lock
            return []
        fitting = max(1, limit * MESSAGE_BYTES // self._mean_bytes)
        with transaction.atomic(durable=True):
            messages = _fit(ready.select_for_update(skip_locked=True)[: min(limit, fitting)], limit * MESSAGE_BYTES)
            self._messages.filter(pk__in=[message.pk for message in messages]).update(
                leased_until=now + LEASE, deliveries=F("deliveries") + 1
            )
        self._mean_bytes = max(1, sum(len(message.body) for message in messages) // max(1, len(messages)))
        return [
            Delivery(
                bytes(message.body),
                message.pk,
                redelivered=message.deliveries > 0,
                sent_at=message.sent_at.timestamp(),
                headers=message.headers,
            )
            for message in messages
        ]

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        # Also those whose lease ran out: who acknowledges has saved them.
        with _broker_errors():
            self._messages.filter(pk__in=[delivery.tag for delivery in deliveries]).delete()

    def dead_letter(self, rejections: Sequence[Rejection]) -> None:
        letters = [
            Message(
                queue=self._dead_queue,
                body=body,
                headers=delivery.headers,
                sent_at=datetime.fromtimestamp(delivery.sent_at or time.time(), UTC),
                reason=reason,
            )
            for delivery, reason, body in rejections
        ]
        with _broker_errors():
            Message.objects.bulk_create(letters)

    def depth(self) -> int:
        with _broker_errors():
            return self._messages.ready(timezone.now()).count()

    def close(self) -> None:
        """Leases run out by themselves."""


def _fit(messages: Iterable[Message], size: int) -> list[Message]:
    """Return the first messages, until they have so many bytes."""
    sizes = accumulate((len(message.body) for message in messages), initial=0)
    return [message for message, before in zip(messages, sizes, strict=False) if before < size]


@contextmanager
def _broker_errors() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        close_old_connections()  # a broken one would fail for ever
        raise BrokerUnavailable(f"the queue's database is not available: {error}") from error
    except DatabaseError as error:
        raise BrokerError(f"the queue's table refused the messages: {error}") from error
