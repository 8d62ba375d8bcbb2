"""How much a caller may ask for in a while, counted in Django's cache."""

import hashlib
import math
import time

from django.core.cache import cache

WINDOW = 10  # seconds; short, so that nobody can spend a minute's worth at once


def spend(key: str, amount: int, per_minute: int) -> int | None:
    """Count an amount against what `key` may spend; return None, or the seconds to wait where it is too much.

    What is refused is not counted. Processes share the count where they share a cache.
    """
    now = time.time()
    counter = f"quota:{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}:{int(now // WINDOW)}"
    spent = _add(counter, amount)
    if spent <= per_minute * WINDOW / 60:
        return None
    cache.decr(counter, amount)
    return math.ceil(WINDOW - now % WINDOW)


def _add(counter: str, amount: int) -> int:
    """Add to a counter and return its value; 0 while a cache server is away, so that nobody is refused for that."""
    try:
        return cache.incr(counter, amount) or 0
    except ValueError:  # it is not there yet
        cache.add(counter, 0, timeout=2 * WINDOW)
        return cache.incr(counter, amount) or 0
