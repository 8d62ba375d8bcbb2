"""Values that many threads need at the same time, read once for all of them."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from cachetools import LRUCache

SHARE = 0.02  # of the time that reading a value may take: what takes longer to read is read less often

T = TypeVar("T")


class Shared(Generic[T]):
    """A value that one thread reads again once it is old. Until then the others get the old one."""

    def __init__(self, read: Callable[[], T], fresh: float) -> None:
        self._read = read
        self._fresh = fresh
        self._lock = threading.Lock()
        self._value: list[T] = []  # empty until it was read once
        self._due = 0.0

    def get(self) -> T:
        """Return the value. Raises what reading it raises."""
        if time.monotonic() >= self._due and self._lock.acquire(blocking=not self._value):
            try:
                if time.monotonic() >= self._due:
                    self._refresh()
            finally:
                self._lock.release()
        return self._value[0]

    def _refresh(self) -> None:
        began = time.monotonic()
        self._value = [self._read()]
        ended = time.monotonic()
        self._due = ended + max(self._fresh, (ended - began) / SHARE)


class SharedByKey(Generic[T]):
    """Such values by key. The least recently used ones are dropped."""

    def __init__(self, size: int, fresh: float) -> None:
        self._values: LRUCache[Hashable, Shared[T]] = LRUCache(size)
        self._fresh = fresh
        self._lock = threading.Lock()

    def get(self, key: Hashable, read: Callable[[], T]) -> T:
        """Return the value under a key; `read` has to return the same for the same key. Raises what it raises."""
        with self._lock:
            shared = self._values.get(key)
            if shared is None:
                shared = self._values[key] = Shared(read, self._fresh)
        return shared.get()
