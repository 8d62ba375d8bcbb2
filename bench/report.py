"""Rows of results, the table that shows them, and measuring several things in turns."""

import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

HEADINGS = ("what", "measured", "ratio", "to reach", "")


class Row(NamedTuple):
    """One figure or ratio. `reach` is its target, None for none; `at_most` says that a smaller value is better."""

    what: str
    measured: str
    ratio: float | None = None
    reach: float | None = None
    at_most: bool = False

    @property
    def reached(self) -> bool:
        if self.ratio is None or self.reach is None:
            return True
        return self.ratio <= self.reach if self.at_most else self.ratio >= self.reach

    def cells(self) -> Sequence[str]:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        reach = "" if self.reach is None else f"{'≤' if self.at_most else '≥'} {self.reach:g}"
        return self.what, self.measured, ratio, reach, "" if self.reached else "not reached"


def print_table(rows: Sequence[Row]) -> None:
    cells = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def in_turns(rounds: int, measured: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Call each in turn, `rounds` times, so that other work on the machine slows all of them alike."""
    figures: dict[str, list[float]] = {name: [] for name in measured}
    for number in range(rounds):
        for name, measure in measured.items():
            figures[name].append(measure())
            progress(f"round {number + 1} of {rounds}: {name} {figures[name][-1]:,.4g}")
    return figures


def ratio(figures: Iterable[float], base: Iterable[float]) -> float:
    """Return the median of the rounds' ratios."""
    return statistics.median(one / other for one, other in zip(figures, base, strict=True))


def per_second(figures: Iterable[float]) -> str:
    return f"{statistics.median(figures):,.0f}/s"


def progress(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
