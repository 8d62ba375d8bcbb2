"""Which published messages wait for their confirm, by delivery tag."""

import math
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from broker.errors import BrokerError


@dataclass(eq=False)
class Publication:
    """Messages that are published together (each a body and its properties), and the future of their publisher.

    `context` is the publisher's, in which tracing finds the request.
    """

    queue: str
    messages: Sequence[tuple[bytes, Any]]
    done: "Future[None]" = field(default_factory=Future)
    sent_at: float = 0.0
    unconfirmed: int = 0
    context: Context = field(default_factory=copy_context)


class Confirms:
    """The messages of one channel that are sent and not confirmed. Used on the I/O thread only, but for its length.

    `refusing_since` is when RabbitMQ began to refuse everything, in monotonic seconds; infinite while it does not.
    """

    def __init__(self) -> None:
        self.refusing_since = math.inf
        self._unconfirmed: dict[int, Publication] = {}
        self._last_tag = 0

    def __len__(self) -> int:
        return len(self._unconfirmed)

    def expect(self, publication: Publication) -> None:
        """Note that one more message of a publication is sent: the channel's next."""
        self._last_tag += 1
        publication.unconfirmed += 1
        publication.sent_at = publication.sent_at or time.monotonic()
        self._unconfirmed[self._last_tag] = publication

    def settle(self, last: int, multiple: bool, refusal: BrokerError | None) -> None:
        """Note RabbitMQ's word about a message, and with `multiple` about all before it: stored, or refused."""
        if refusal is None:
            self.refusing_since = math.inf
        else:
            self.refusing_since = min(self.refusing_since, time.monotonic())
        # Tags grow, and a dict keeps its order: what `multiple` covers comes first.
        tags = list(takewhile(lambda tag: tag <= last, self._unconfirmed)) if multiple else [last]
        for publication in map(self._unconfirmed.pop, tags):
            publication.unconfirmed -= 1
            if refusal is not None:
                settle(publication.done, refusal)
            elif not publication.unconfirmed:
                settle(publication.done, None)

    def oldest(self) -> float:
        """Return since when the first message waits, in monotonic seconds; infinite when none does."""
        return next(iter(self._unconfirmed.values())).sent_at if self._unconfirmed else math.inf

    def fail(self, error: BrokerError) -> None:
        """Tell every publisher that its messages may be confirmed when nobody waits any longer."""
        for publication in self._unconfirmed.values():
            settle(publication.done, error)


def settle(future: "Future[Any]", outcome: object) -> None:
    """Give a future its result, or the error that it is, unless it has one already."""
    if future.done():
        return
    if isinstance(outcome, BrokerError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
