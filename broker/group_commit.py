"""Group commit: one transaction for what many threads store at once, because COMMIT is slow and INSERT is not."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")
Turn = Future[bool]  # a thread's: whether it is to lead, or else its messages are stored


class GroupCommit(Generic[T]):
    """Calls `write` for one group of messages after the other, each with the time left to it, in seconds.

    Who finds nobody at it leads: writes all that waits, its own messages among it, and then has
    the first of those that came meanwhile lead the next group.
    """

    def __init__(self, write: Callable[[Sequence[T], float], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._led = False
        self._waiting: list[tuple[Sequence[T], Turn]] = []

    def store(self, messages: Sequence[T], timeout: float) -> None:
        """Return when the messages are written. Raises what `write` raised when they are not.

        Raises TimeoutError after `timeout` seconds: others are written so slowly that they may be written yet.
        """
        deadline = time.monotonic() + timeout
        turn = Turn()
        with self._lock:
            self._waiting.append((messages, turn))
            leads, self._led = not self._led, True
        if leads or self._await(turn, timeout):
            self._lead(turn, deadline)

    def _await(self, turn: Turn, timeout: float) -> bool:
        try:
            return turn.result(timeout)
        except TimeoutError:
            with self._lock:
                if turn.done():  # just now
                    return turn.result()
                self._waiting = [waiting for waiting in self._waiting if waiting[1] is not turn]
            raise

    def _lead(self, own: Turn, deadline: float) -> None:
        with self._lock:
            group, self._waiting = self._waiting, []
        others = [turn for _, turn in group if turn is not own]
        try:
            self._write([message for messages, _ in group for message in messages], deadline - time.monotonic())
        except BaseException as error:
            others += self._give_up()
            for turn in others:
                turn.set_exception(error)
            raise
        self._hand_over()
        for turn in others:
            turn.set_result(False)

    def _hand_over(self) -> None:
        with self._lock:
            self._led = bool(self._waiting)
            if self._led:
                self._waiting[0][1].set_result(True)

    def _give_up(self) -> list[Turn]:
        """Return also who came meanwhile: they waited for the same failure, and need not wait for the next."""
        with self._lock:
            turns = [turn for _, turn in self._waiting]
            self._led, self._waiting = False, []
            return turns
