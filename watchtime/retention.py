"""The retention curve of a movie: how often, and by how many viewers, each part of it was watched."""

from array import array
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from watchtime.coverage import decode_numbers
from watchtime.models import BLOCK_SECONDS, Movie, MovieBlock


class RetentionPoint(NamedTuple):
    """A part `[start, end)` of a movie, in seconds, with the means of the counts of its seconds."""

    start: float
    end: float
    views: float
    viewers: float


def retention(movie: Movie, bins: int) -> list[RetentionPoint]:
    """Return the curve in `bins` parts of equal length, from 0 to the movie's duration.

    While the duration is unknown, it ends with the last second that was watched: without one there is no part.
    Reads one row for each BLOCK_SECONDS of the movie, however often it was watched.
    """
    views, viewers = _curves(movie.pk)
    end = movie.duration_seconds or max(len(views), len(viewers))
    if not end:
        return []
    return [
        RetentionPoint(number * end / bins, (number + 1) * end / bins, seen, saw)
        for number, (seen, saw) in enumerate(zip(_means(views, end, bins), _means(viewers, end, bins), strict=True))
    ]


def _curves(movie_id: int) -> tuple[Sequence[int], Sequence[int]]:
    """Return the views and the viewers of each second, up to the last second that was watched."""
    rows = MovieBlock.objects.filter(movie=movie_id).order_by("block").values_list("block", "views", "viewers")
    blocks = list(rows)
    length = (blocks[-1][0] + 1) * BLOCK_SECONDS if blocks else 0
    curves = []
    for column in (1, 2):
        changes = array("q", bytes(8 * length))
        for row in blocks:
            first = row[0] * BLOCK_SECONDS
            changes[first : first + BLOCK_SECONDS] = array("q", decode_numbers(bytes(row[column]), BLOCK_SECONDS))
        curves.append(_watched(list(accumulate(changes))))
    return curves[0], curves[1]


def _watched(counts: list[int]) -> list[int]:
    """Return the counts without the zeros at the end."""
    while counts and not counts[-1]:
        counts.pop()
    return counts


def _means(counts: Sequence[int], end: int, bins: int) -> list[float]:
    """Return the mean of each of `bins` equal parts of the first `end` seconds, exact up to the last division.

    A part may begin and end within a second: it has its share of that second's count.
    """
    counts = [*counts[:end], *[0] * (end - len(counts))]
    sums = list(accumulate(counts, initial=0))

    def until(number: int) -> int:
        """Return the sum before part `number`, times the number of parts, to stay with integers."""
        second, rest = divmod(number * end, bins)
        return sums[second] * bins + (counts[second] * rest if rest else 0)

    edges = [until(number) for number in range(bins + 1)]
    return [(after - before) / end for before, after in pairwise(edges)]
