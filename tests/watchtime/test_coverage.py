"""Coverages against sets of seconds, and numbers against lists, stored and read again."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtime.coverage import (
    NUMBER_TYPES,
    add_to_numbers,
    cover,
    decode_coverage,
    decode_numbers,
    encode_coverage,
    length,
    stretches,
)
from watchtime.models import MAX_MOMENT

MOST_BYTES = 10_801
STRETCHES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: tuple(sorted(pair))), max_size=12
)


def seconds(coverage: list[int]) -> set[int]:
    return {second for start, end in stretches(coverage) for second in range(start, end)}


@given(STRETCHES)
def test_a_coverage_is_a_set_of_seconds(parts: list[tuple[int, int]]) -> None:
    coverage: list[int] = []
    seen: set[int] = set()
    for start, end in parts:
        new = cover(coverage, start, end)
        assert seconds(new) == set(range(start, end)) - seen
        seen |= set(range(start, end))
        assert seconds(coverage) == seen
        assert length(coverage) == len(seen)
        assert coverage == sorted(set(coverage)), "no stretch is empty or touches the next"


@given(st.lists(st.integers(0, MAX_MOMENT), unique=True).filter(lambda bounds: len(bounds) % 2 == 0).map(sorted))
def test_a_coverage_is_stored_and_read(coverage: list[int]) -> None:
    assert decode_coverage(encode_coverage(coverage)) == coverage


@pytest.mark.parametrize(
    "coverage",
    [
        list(range(MAX_MOMENT)),
        list(range(1, MAX_MOMENT + 1)),
        sorted(random.Random(1).sample(range(MAX_MOMENT + 1), 40_000)),
        sorted(random.Random(2).sample(range(MAX_MOMENT + 1), 2_702)),
    ],
    ids=["every second second", "the others", "half at random", "where bounds are as long as bits"],
)
def test_the_worst_coverage_is_bounded(coverage: list[int]) -> None:
    stored = encode_coverage(coverage)
    assert len(stored) <= MOST_BYTES
    assert decode_coverage(stored) == coverage


def test_a_usual_coverage_is_short() -> None:
    assert len(encode_coverage([0, 5_400])) == 9
    assert encode_coverage([]) == b""
    assert decode_coverage(b"") == []


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(-(2**40), 2**40)), max_size=20))
def test_numbers_are_as_wide_as_they_need_to_be(changes: list[tuple[int, int]]) -> None:
    expected = [0] * 8
    stored = b""
    for position, change in changes:
        expected[position] += change
        stored = add_to_numbers(stored, 8, [(position, change)])
        assert decode_numbers(stored, 8).tolist() == expected
    assert add_to_numbers(b"", 8, changes)[1:] == b"" or decode_numbers(
        add_to_numbers(b"", 8, changes), 8
    ).tolist() == (expected)


@pytest.mark.parametrize(("number", "bytes_each"), [(127, 1), (128, 2), (-32_769, 4), (2**31, 8), (2**63 - 1, 8)])
def test_the_bytes_of_a_number(number: int, bytes_each: int) -> None:
    assert len(add_to_numbers(b"", 4, [(2, number)])) == 1 + 4 * bytes_each
    assert len(NUMBER_TYPES) == 4


def test_a_number_beyond_8_bytes_is_refused() -> None:
    with pytest.raises(OverflowError):
        add_to_numbers(b"", 4, [(0, 2**63)])
