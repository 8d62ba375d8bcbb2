"""A limit for the threads that one caller has at once, so that others find some free."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from weakref import WeakValueDictionary

ALONE_AFTER = 2.0  # seconds in which nobody else asked for anything


class Turns:
    """Gives each caller at most `share` threads at once, and no limit while nobody else asks for anything.

    A request beyond the limit waits until one of the same caller's requests ends.
    """

    def __init__(self, share: int) -> None:
        self._share = share
        # A caller's entry lasts as long as a request holds its semaphore or waits for it.
        self._semaphores: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._latest = ""
        self._changed_at = 0.0  # when the latest caller came after another one, on the loop's clock

    def turn(self, caller: str) -> AbstractAsyncContextManager[None]:
        """Return a context manager that waits until the caller may have one more thread, and holds it for the block."""
        now = asyncio.get_running_loop().time()
        if caller != self._latest:
            self._latest, self._changed_at = caller, now
        if now > self._changed_at + ALONE_AFTER:
            return nullcontext()
        return self._semaphores.setdefault(caller, asyncio.Semaphore(self._share))
