"""Sets of seconds of a movie, and a number for each second: the arithmetic of the rollups, and how it is stored.

A coverage is an integer whose bit `t` says whether the second `[t, t + 1)` was watched: union, difference and
length are one operation each, however it is made up. It is stored as the bounds of its stretches, or, where
that is shorter, as its bits. So a day of 86,400 seconds takes at most 10,801 bytes, whatever a client reports.

Imports nothing of the project.
"""

import re
import sys
from array import array
from collections.abc import Iterable
from typing import NamedTuple

BOUNDS, BITS = b"\0", b"\1"  # the first byte of a stored coverage; an empty one has no bytes
BOUND_TYPE = "I"  # unsigned, 4 bytes
FEW_BITS = 32
NUMBER_TYPES = "bhiq"  # signed, of 1, 2, 4 and 8 bytes; the first byte of stored numbers


class Stretch(NamedTuple):
    """The seconds from `start` on and before `end`."""

    start: int
    end: int


def coverage_of(start: int, end: int) -> int:
    """Return the coverage of one stretch."""
    return (1 << end) - (1 << start)


def stretches(coverage: int) -> list[Stretch]:
    """Return the sorted stretches of a coverage; no two of them touch."""
    bounds = _set_bits(coverage ^ (coverage << 1))
    return [Stretch(start, end) for start, end in zip(bounds[::2], bounds[1::2], strict=True)]


def encode_coverage(coverage: int) -> bytes:
    """Return a coverage as it is stored."""
    if not coverage:
        return b""
    bounds = coverage ^ (coverage << 1)
    size = (coverage.bit_length() + 7) // 8
    if bounds.bit_count() * array(BOUND_TYPE).itemsize > size:
        return BITS + coverage.to_bytes(size, "little")
    return BOUNDS + _to_bytes(array(BOUND_TYPE, _set_bits(bounds)))


def decode_coverage(stored: bytes) -> int:
    """Return the coverage that was stored."""
    if stored[:1] == BITS:
        return int.from_bytes(stored[1:], "little")
    bounds = _from_bytes(BOUND_TYPE, stored[1:])
    return sum(coverage_of(start, end) for start, end in zip(bounds[::2], bounds[1::2], strict=True))


def decode_numbers(stored: bytes, count: int) -> "array[int]":
    """Return the `count` numbers that were stored: zeros when nothing was."""
    if not stored:
        return array(NUMBER_TYPES[0], bytes(count))
    return _from_bytes(stored[:1].decode(), stored[1:])


def add_to_numbers(stored: bytes, count: int, changes: Iterable[tuple[int, int]]) -> bytes:
    """Return stored numbers after adding to some of them; a change is a position and what is added there.

    They are stored in as few bytes each as the largest that there was needs.
    """
    numbers = decode_numbers(stored, count)
    for position, change in changes:
        number = numbers[position] + change
        while True:
            try:
                numbers[position] = number
                break
            except OverflowError:
                wider = NUMBER_TYPES.index(numbers.typecode) + 1
                if wider == len(NUMBER_TYPES):
                    raise
                numbers = array(NUMBER_TYPES[wider], numbers)
    return numbers.typecode.encode() + _to_bytes(numbers)


def _set_bits(number: int) -> list[int]:
    """Return the positions of the bits that are set, ascending."""
    if number.bit_count() > FEW_BITS:
        return [match.start() for match in re.finditer("1", bin(number)[:1:-1])]
    found = []
    while number:
        lowest = number & -number
        found.append(lowest.bit_length() - 1)
        number ^= lowest
    return found


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
