"""`manage.py demo`: publish an invented evening, for a first look at the dashboard."""

import signal
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError

from watchtime.arguments import whole_number
from watchtime.commands import ServiceCommand
from watchtime.database import explain
from watchtime.demo import BY_SLUG, evening
from watchtime.events import PublishFailed, WatchEvent, publish
from watchtime.importers.distinct import Occurrences
from watchtime.importers.rows import Place, Row
from watchtime.importing import Importing
from watchtime.progress import progress_bar

MAX_VIEWERS = 1_000
TICK = 0.5  # seconds between two looks at what is due


class Command(ServiceCommand):
    help = (
        "Publish an invented evening of a hundred viewers through the broker: the five hours before now at once, and "
        "with --live what comes after as it happens. The viewers are called NAME@demo; a day's evening counts once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--viewers", type=whole_number(1, MAX_VIEWERS), default=100, metavar="N", help="how many people watch (100)"
        )
        parser.add_argument("--seed", help="any text: another one gives another evening (default: today's date)")
        parser.add_argument("--live", action="store_true", help="go on as the evening happens, until Ctrl-C")

    def handle(self, *, viewers: int, seed: str | None, live: bool, **_options: Any) -> None:
        now = datetime.now(UTC)
        events = evening(seed or now.date().isoformat(), viewers, now)
        past = bisect_right(events, now, key=lambda event: event.occurred_at)
        try:
            self._publish_past(events[:past], viewers)
            if live:
                self._publish_live(events[past:])
        except (PublishFailed, DatabaseError) as error:
            problem = explain(error) if isinstance(error, DatabaseError) else error
            raise CommandError(f"{problem}; run it again, nothing counts twice") from error
        except KeyboardInterrupt:
            raise CommandError("stopped; run again, it counts nothing twice", returncode=128 + signal.SIGINT) from None

    def _publish_past(self, events: Sequence[WatchEvent], viewers: int) -> None:
        """Publish what happened before now; the movies get their titles and durations where they have none."""
        with Occurrences() as occurrences, progress_bar(total=len(events), desc="publishing", unit=" events") as bar:
            importing = Importing(occurrences)
            importing.take(_rows(events, bar))
        self.stdout.write(
            f"{viewers} viewers, {importing.events} events: "
            f"{importing.new} published, {importing.known} already known. "
            f"Look at http://{settings.HOST}:{settings.PORT}/ while `manage.py consume` or `up` runs."
        )

    def _publish_live(self, events: Sequence[WatchEvent]) -> None:
        self.stdout.write("The evening goes on. Ctrl-C stops.")
        with progress_bar(total=len(events), desc="live", unit=" events") as bar:
            for due in _as_they_happen(events):
                publish(due)
                bar.update(len(due))


def _rows(events: Sequence[WatchEvent], bar: Any) -> Iterator[Row]:
    for number, event in enumerate(events, 1):
        film = BY_SLUG[event.slug]
        yield Row(Place("event", number), (event,), title=film.title, duration=film.seconds)
        bar.update()


def _as_they_happen(events: Sequence[WatchEvent]) -> Iterator[Sequence[WatchEvent]]:
    """Yield the events that are due, some at a time, and wait for the others."""
    done = 0
    while done < len(events):
        due = bisect_right(events, datetime.now(UTC), key=lambda event: event.occurred_at)
        if due > done:
            yield events[done:due]
        else:
            time.sleep(TICK)
        done = due
