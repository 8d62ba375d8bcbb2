"""Whether this process can do its work, as `/readyz` tells, within a deadline even where something hangs."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import connection, connections

from broker import Depths, default_broker
from watchtime.migrated import how_to_migrate, unapplied_migrations

DEADLINE = 1.0  # seconds that a check may take; a probe gives up after two
FRESH = 1.0  # seconds for which a result is used again, so that many probes cost the database one query
MAX_ERROR = 200  # characters

T = TypeVar("T")


class Outcome(NamedTuple, Generic[T]):
    """What a check found: its value, or what is wrong."""

    value: T | None
    error: str | None
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return the check as `/readyz` shows it."""
        told = {"state": "failed" if self.error else "ok", "seconds": round(self.seconds, 4)}
        return {**told, "error": self.error} if self.error else told


class Check(Generic[T]):
    """A question to a service that may hang. It is asked in a separate thread, one at a time.

    Callers that come while a question is open share its answer.
    """

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._began = 0.0
        self._answer: Future[Outcome[T]] | None = None
        self._last: Outcome[T] | None = None

    def begin(self) -> None:
        """Ask, unless there is an answer that is fresh, or a question that is open."""
        with self._lock:
            answer, now = self._answer, time.monotonic()
            if answer is not None and (not answer.done() or now - self._began < FRESH):
                return
            self._began, self._answer = now, Future()
            threading.Thread(target=self._run, args=(self._answer,), name="check", daemon=True).start()

    def outcome(self, deadline: float) -> Outcome[T]:
        """Return the answer, at the latest at `deadline`, by the monotonic clock."""
        self.begin()
        answer = self._answer
        assert answer is not None  # noqa: S101
        try:
            return answer.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            seconds = time.monotonic() - self._began
            return Outcome(None, f"no answer within {seconds:.1f} s", seconds)

    def latest(self) -> T | None:
        """Ask, and return what the last question found without waiting; None when it found nothing, or is the first."""
        self.begin()
        return self._last.value if self._last else None

    def _run(self, answer: "Future[Outcome[T]]") -> None:
        value, problem = None, None
        try:
            value = self._ask()
        except Exception as error:
            problem = (str(error).strip().partition("\n")[0] or type(error).__name__)[:MAX_ERROR]
        finally:
            connections.close_all()  # those of this thread
        self._last = Outcome(value, problem, time.monotonic() - self._began)
        answer.set_result(self._last)


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _migrations() -> None:
    if missing := unapplied_migrations():
        raise RuntimeError(how_to_migrate(missing))


def _broker() -> None:
    default_broker().check()


CHECKS: Mapping[str, Check[None]] = {
    "database": Check(_database),
    "migrations": Check(_migrations),
    "broker": Check(_broker),
}
DEPTHS: Check[Depths] = Check(lambda: default_broker().depths())


def outcomes() -> dict[str, Outcome[None]]:
    """Return what every check finds, at the latest after DEADLINE seconds."""
    deadline = time.monotonic() + DEADLINE
    for check in CHECKS.values():
        check.begin()
    return {name: check.outcome(deadline) for name, check in CHECKS.items()}
