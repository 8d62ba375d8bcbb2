"""Sets of seconds of a movie, and a number for each second: the arithmetic of the rollups, and how it is stored.

A coverage is a list of bounds: start and end of its first stretch, of its second and so on, ascending; no two
stretches touch. It is stored as these numbers, or, where that is shorter, as one bit a second. So the 86,400
seconds of a day take at most 10,801 bytes, whatever a client reports.

Imports nothing of the project.
"""

import re
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

BOUNDS, BITS = b"\0", b"\1"  # the first byte of a stored coverage; an empty one has no bytes
BOUND_TYPE, BOUND_BYTES = "I", 4  # unsigned
NUMBER_TYPES = "bhiq"  # signed, of 1, 2, 4 and 8 bytes; the first byte of stored numbers


class Stretch(NamedTuple):
    """The seconds from `start` on and before `end`."""

    start: int
    end: int


def cover(coverage: list[int], start: int, end: int) -> list[int]:
    """Add a stretch to a coverage; return the coverage that is new by it (some stretches of it may be empty)."""
    if start == end:
        return []
    first, last = bisect_left(coverage, start), bisect_right(coverage, end)
    # An odd position lies within a stretch: what is new begins where that one ends, not at `start`.
    before, after = [start] if first % 2 == 0 else [], [end] if last % 2 == 0 else []
    new = before + coverage[first:last] + after
    coverage[first:last] = before + after
    return new


def stretches(coverage: Sequence[int]) -> list[Stretch]:
    """Return the stretches of a coverage."""
    return [Stretch(start, end) for start, end in zip(coverage[::2], coverage[1::2], strict=True)]


def length(coverage: Sequence[int]) -> int:
    """Return how many seconds a coverage has."""
    return sum(coverage[1::2]) - sum(coverage[::2])


def encode_coverage(coverage: Sequence[int]) -> bytes:
    """Return a coverage as it is stored."""
    if not coverage:
        return b""
    if BOUND_BYTES * len(coverage) <= (coverage[-1] + 7) // 8:
        return BOUNDS + _to_bytes(array(BOUND_TYPE, coverage))
    return BITS + _to_bits(coverage)


def decode_coverage(stored: bytes) -> list[int]:
    """Return the coverage that was stored."""
    if stored[:1] == BITS:
        return _from_bits(stored[1:])
    return _from_bytes(BOUND_TYPE, stored[1:]).tolist()


def decode_numbers(stored: bytes, count: int) -> "array[int]":
    """Return the `count` numbers that were stored: zeros when nothing was."""
    if not stored:
        return array(NUMBER_TYPES[0], bytes(count))
    return _from_bytes(stored[:1].decode(), stored[1:])


def add_to_numbers(stored: bytes, count: int, changes: Sequence[tuple[int, int]]) -> bytes:
    """Return stored numbers after adding to some of them; a change is a position and what is added there.

    They are stored in as few bytes each as the largest that there was needs.
    """
    if not changes:
        return stored
    numbers = decode_numbers(stored, count)
    for position, change in changes:
        try:
            numbers[position] += change
        except OverflowError:
            numbers = _widened(numbers, position, numbers[position] + change)
    return numbers.typecode.encode() + _to_bytes(numbers)


def _widened(numbers: "array[int]", position: int, number: int) -> "array[int]":
    """Return the numbers in the next type that holds this one, with it in its place."""
    for typecode in NUMBER_TYPES[NUMBER_TYPES.index(numbers.typecode) + 1 :]:
        wider = array(typecode, numbers)
        try:
            wider[position] = number
        except OverflowError:
            continue
        return wider
    raise OverflowError(f"{number} takes more than 8 bytes")


def _to_bits(coverage: Sequence[int]) -> bytes:
    """Return bits, that of second 0 first in each byte's lowest place."""
    digits = bytearray(b"0" * coverage[-1])
    for start, end in stretches(coverage):
        digits[start:end] = b"1" * (end - start)
    return int(digits[::-1], 2).to_bytes((coverage[-1] + 7) // 8, "little")


def _from_bits(bits: bytes) -> list[int]:
    digits = f"{int.from_bytes(bits, 'little'):b}"[::-1]
    return [bound for match in re.finditer("1+", digits) for bound in match.span()]


def _to_bytes(numbers: "array[int]") -> bytes:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()


def _from_bytes(typecode: str, stored: bytes) -> "array[int]":
    numbers = array(typecode, stored)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
