"""Quotas: how much a caller may ask for within a time, counted in Django's cache."""

import hashlib
import math
import time

from django.core.cache import cache


def take_quota(key: str, amount: int, limit: int, seconds: int) -> int | None:
    """Take an amount from the quota of `key`, `limit` every `seconds`; return None, or the seconds to wait for enough.

    A refusal takes nothing. Processes share the count where they share a cache.
    """
    now = time.time()
    counter = _counter(key, now, seconds)
    if _add(counter, amount, seconds) <= limit:
        return None
    _add(counter, -amount, seconds)
    return math.ceil(seconds - now % seconds)


def close(key: str, seconds: int) -> None:
    """Note that `key` was told to wait until these seconds are over."""
    cache.set(_counter(f"closed {key}", time.time(), seconds), True, timeout=seconds)


def closed(key: str, seconds: int) -> int | None:
    """Return the seconds that `key` still has to wait; None where it was not told to."""
    now = time.time()
    if cache.get(_counter(f"closed {key}", now, seconds)) is None:
        return None
    return math.ceil(seconds - now % seconds)


def _counter(key: str, now: float, seconds: int) -> str:
    """Return the name of a counter. It contains no personal data."""
    return f"quota:{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}:{now // seconds:.0f}"


def _add(counter: str, amount: int, seconds: int) -> int:
    """Add to a counter and return its value; 0 while a cache server is away, so that nobody is refused for that."""
    try:
        return cache.incr(counter, amount) or 0
    except ValueError:  # it is not there yet
        cache.add(counter, 0, timeout=2 * seconds)
        return cache.incr(counter, amount) or 0
