"""`python -m tests.faults.runner POINT COUNT`: the consumer, but for a SIGKILL when it gets to a named point.

The points are hung on what the consumer cannot do without: its `save`, the statement that
fills the ledger, and the COMMIT after it. COUNT says how often it gets there.
"""

import os
import signal
import sys
from typing import Any, NoReturn

import django

POINTS = ("received", "entered", "before commit", "committed")


class KillPoint:
    """Counts down at one of the points, and kills the process there."""

    def __init__(self, point: str, count: int) -> None:
        self.point, self.count = point, count
        self.entered = False  # whether this transaction has filled the ledger

    def reach(self, point: str) -> None:
        if point == self.point:
            self.count -= 1
            if self.count <= 0:
                die()

    def install(self) -> None:
        from django.db.backends.base.base import BaseDatabaseWrapper
        from django.db.backends.utils import CursorWrapper

        from watchtime.ingest import IngestHandler

        save, execute, commit = IngestHandler.__call__, CursorWrapper.execute, BaseDatabaseWrapper.commit

        def saving(ingest: IngestHandler, *arguments: Any) -> Any:
            self.reach("received")
            return save(ingest, *arguments)

        def executing(cursor: CursorWrapper, sql: Any, *arguments: Any) -> Any:
            result = execute(cursor, sql, *arguments)
            if "INTO watchtime_event" in str(sql):
                self.entered = True
                self.reach("entered")
            return result

        def committing(database: BaseDatabaseWrapper) -> None:
            entered, self.entered = self.entered, False
            if entered:
                self.reach("before commit")
            commit(database)
            if entered:
                self.reach("committed")

        IngestHandler.__call__ = saving  # type: ignore[method-assign]
        CursorWrapper.execute = executing  # type: ignore[method-assign]
        BaseDatabaseWrapper.commit = committing  # type: ignore[method-assign]


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def main(point: str, count: str) -> None:
    assert point in POINTS
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    django.setup()
    KillPoint(point, int(count)).install()
    from django.core.management import call_command

    call_command("consume")


if __name__ == "__main__":
    main(*sys.argv[1:])
