"""Arrays of numbers and ids for PostgreSQL in its binary format, made of all values at once.

psycopg makes them value by value in Python, which takes two to eight times as long. Of times, texts and bytes that
makes no difference: those are psycopg's.

The format is that of `array_send`: https://github.com/postgres/postgres/blob/REL_15_STABLE/src/backend/utils/adt/arrayfuncs.c
"""

import struct
import sys
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from psycopg import postgres, pq
from psycopg.adapt import Dumper

HEADER = struct.Struct("!5i")  # dimensions, whether there are nulls, the elements' type, their number, the first index
SIZE = struct.Struct("!i")


class BinaryArray(bytes):
    """An array as it is sent. The statement has to say its type."""


class BinaryArrayDumper(Dumper):
    """Sends a BinaryArray as it is."""

    format = pq.Format.BINARY

    def dump(self, obj: Any) -> bytes:
        """Return the array's bytes."""
        return bytes(obj)


def to_array(element_type: str, values: Sequence[Any]) -> Any:
    """Return a parameter for an array of a type of PostgreSQL's: a list where psycopg is to make it."""
    encode = ENCODERS.get(element_type)
    if encode is None:
        return list(values)
    try:
        body = encode(values)
    except (AttributeError, TypeError, OverflowError, ValueError):  # a null, or what psycopg is to judge
        return list(values)
    return BinaryArray(HEADER.pack(1, 0, postgres.types[element_type].oid, len(values), 1) + body)


def _numbers(typecode: str) -> Callable[[Iterable[int]], bytes]:
    def encode(values: Iterable[int]) -> bytes:
        numbers = array(typecode, values)
        if sys.byteorder == "little":
            numbers.byteswap()
        return _with_sizes(numbers.tobytes(), numbers.itemsize)

    return encode


def _with_sizes(elements: bytes, size: int) -> bytes:
    """Return elements of so many bytes each with their size in front of each."""
    count, step = len(elements) // size, SIZE.size + size
    result = bytearray(count * step)
    result[SIZE.size - 1 :: step] = bytes([size]) * count
    for place in range(size):
        result[SIZE.size + place :: step] = elements[place::size]
    return bytes(result)


def _booleans(values: Iterable[bool]) -> bytes:
    return _with_sizes(bytes(values), 1)


def _ids(values: Iterable[UUID]) -> bytes:
    return _with_sizes(b"".join([value.bytes for value in values]), 16)


ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "smallint": _numbers("h"),
    "integer": _numbers("i"),
    "bigint": _numbers("q"),
    "boolean": _booleans,
    "uuid": _ids,
}
