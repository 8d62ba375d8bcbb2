"""`python -m bench [NAME ...] [--scale N]`: run benchmarks, and print a table of the results and their targets."""

import argparse
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

from bench.report import Row, print_table, progress

BENCHMARKS = (
    "drain",
    "messages",
    "halves",
    "analytics",
    "publishers",
    "batches",
    "totals",
    "flat",
    "consumers",
    "memory",
    "embedded",
    "graphql",
    "costliest",
    "access",
    "pages",
    "latency",
)
BY_NAME = ("soak",)  # too long to be run with all the others
AGAINST = ("graphql", "embedded")  # those that can measure another checkout beside this one


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)} (all by default), or soak"
    )
    parser.add_argument(
        "--scale",
        type=float,
        default=float(os.environ.get("BENCH_SCALE", "1")),
        help="how much of the full work: 0.1 takes two minutes, 1 (the default, or BENCH_SCALE) all of it",
    )
    parser.add_argument(
        "--against", type=Path, metavar="PATH", help="another checkout, which graphql and embedded measure, too"
    )
    parser.add_argument("--minutes", type=float, metavar="N", help="how long soak takes; 10 by default")
    options = parser.parse_args()
    if unknown := set(options.names) - {*BENCHMARKS, *BY_NAME}:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or what was made would stay
    rows: list[Row] = []
    try:
        for name in options.names or BENCHMARKS:
            progress(name)
            rows += importlib.import_module(f"bench.{name}").run(options.scale, **_more(name, options))
    finally:
        print_table(rows)  # also what was found before one failed or somebody stopped it


def _more(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the options that only some benchmarks have."""
    more = {"against": name in AGAINST and options.against, "minutes": name == "soak" and options.minutes}
    return {option: value for option, value in more.items() if value}


if __name__ == "__main__":
    main()
