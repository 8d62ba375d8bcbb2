"""Turns at the threads, so that a caller who asks for a lot leaves room for the others."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from weakref import WeakValueDictionary

ALONE_AFTER = 2.0  # seconds in which nobody else asked for anything


class Turns:
    """Turns at threads: a caller has at most a `share` of them at once, unless it has been alone for a while.

    What a caller asks for beyond that waits for what the same caller has running.
    """

    def __init__(self, share: int) -> None:
        self._share = share
        # A caller's is here as long as a request has it, or waits for it.
        self._semaphores: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._latest = ""
        self._changed_at = 0.0  # when another than the latest caller came, on the loop's clock

    def turn(self, caller: str) -> AbstractAsyncContextManager[None]:
        """Return what waits until the caller may have a thread, and counts as having one until it ends."""
        now = asyncio.get_running_loop().time()
        if caller != self._latest:
            self._latest, self._changed_at = caller, now
        if now > self._changed_at + ALONE_AFTER:
            return nullcontext()
        return self._semaphores.setdefault(caller, asyncio.Semaphore(self._share))
