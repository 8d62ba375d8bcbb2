"""`manage.py publish_events FILE`: publish the events of a file of JSON lines."""

import gzip
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from watchtime.events import InvalidEvent, PublishFailed, WatchEvent, publish
from watchtime.progress import progress_bar

BATCH = 1000


class Command(BaseCommand):
    help = "Publish the events of a file of JSON lines, also a compressed one (.gz). Exit 1 when a line was refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the file, or - for standard input")

    def handle(self, *, file: str, **_options: Any) -> None:
        published = refused = 0
        try:
            for batch, errors in _batches(file):
                for error in errors:
                    self.stderr.write(error)
                publish(batch)
                published += len(batch)
                refused += len(errors)
        except (OSError, EOFError) as error:
            raise CommandError(f"cannot read {file}: {error}; {published} events before that are published") from error
        except PublishFailed as error:
            raise CommandError(
                f"{error}; {published} events are published: run it again, ids make repeats harmless"
            ) from error
        self.stdout.write(f"Published {published} events.")
        if refused:
            raise CommandError(f"{refused} lines were refused and not published")


def _batches(file: str) -> Iterator[tuple[list[WatchEvent], list[str]]]:
    """Yield the events of the file, and what is wrong with the lines between them, some at a time."""
    events: list[WatchEvent] = []
    errors: list[str] = []
    for number, line in _lines(file):
        try:
            events.append(WatchEvent.decode(line))
        except InvalidEvent as error:
            errors.append(f"line {number}: {error}")
        if len(events) + len(errors) == BATCH:
            yield events, errors
            events, errors = [], []
    yield events, errors


def _lines(file: str) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, with their numbers from 1 up."""
    with ExitStack() as stack:
        raw = sys.stdin.buffer if file == "-" else stack.enter_context(Path(file).open("rb"))
        lines = stack.enter_context(gzip.open(raw)) if file.endswith(".gz") else raw
        size = None if file == "-" else Path(file).stat().st_size
        bar = stack.enter_context(progress_bar(total=size, desc="publishing", unit="B", unit_scale=True))
        for number, line in enumerate(lines, 1):
            if content := line.strip():
                yield number, content
            if size is not None:
                bar.update(raw.tell() - bar.n)
