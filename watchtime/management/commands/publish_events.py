"""`manage.py publish_events FILE`: publish the events of a file of JSON lines."""

import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from django.core.management.base import CommandError, CommandParser, OutputWrapper

from watchtime.arguments import whole_number
from watchtime.commands import ServiceCommand
from watchtime.events import FieldError, InvalidEvent, PublishFailed, WatchEvent, publish
from watchtime.lines import LONGEST_LINE, STDIN, Unreadable, numbered_lines, open_input

BATCH = 100  # events of one message: the broker stores all of them or none
LAST_LINE = 10**15  # more than any file has
SHOWN = 100  # refused lines that are shown; more are only counted
NAMESPACE = UUID("6f1d1c1e-52b4-5f0b-9d4a-0c6a54b8a3a7")  # of the ids that lines get from their place


class Line(NamedTuple):
    """A valid line of the file. `has_id` says whether a repeat of it has the same id again."""

    number: int
    event: WatchEvent
    has_id: bool


class Command(ServiceCommand):
    help = (
        "Publish the events of a file of JSON lines, plain or gzip. Exit 1 when a line was refused. Stopped half-way, "
        "it says with which --from-line to go on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the file, or - for standard input")
        parser.add_argument(
            "--from-line",
            type=whole_number(1, LAST_LINE),
            default=1,
            metavar="N",
            help="leave out the lines before this one",
        )
        parser.add_argument(
            "--stable-ids",
            action="store_true",
            help="give lines without an id one that is made of the file's name and the line's number, so that the file "
            "can be published again, also with more lines at its end, and counts once; another file needs another name",
        )
        parser.add_argument("--source", metavar="NAME", help="like --stable-ids, with this name for the file's")

    def handle(self, *, file: str, from_line: int, stable_ids: bool, source: str | None, **_options: Any) -> None:
        run = Run(self.stderr, from_line, _source_name(file, stable_ids, source))
        try:
            with open_input(file, "publishing", checked=True) as stream, _signals(run):
                run.publish(numbered_lines(stream))
        except Unreadable as error:
            raise CommandError(f"cannot read {file}: {error}; {run.so_far()}") from error
        except PublishFailed as error:
            if not error.may_be_stored:
                run.in_hand = ()
            raise CommandError(f"{error}; {run.so_far()}") from error
        except KeyboardInterrupt:
            raise CommandError(f"stopped; {run.so_far()}", returncode=128 + signal.SIGINT) from None
        self.stdout.write(f"Published {run.published} events.")
        if run.refused:
            raise CommandError(f"{run.refused} lines were refused and not published")


def _source_name(file: str, stable_ids: bool, given: str | None) -> str | None:
    """Return what ids are made of beside the line's number; None where none are made."""
    if given == "":
        raise CommandError("--source must not be empty")
    if given is not None or not stable_ids:
        return given
    if file == STDIN:
        raise CommandError("standard input has no name to make ids of: give it one with --source")
    return re.sub(r"\.gz$", "", Path(file).name, flags=re.IGNORECASE)


@dataclass
class Run:
    """What became of the lines. Those before `next_line` are done with: published, refused or blank."""

    stderr: OutputWrapper
    next_line: int
    source: str | None
    published: int = 0
    refused: int = 0
    in_hand: tuple[Line, ...] = ()  # given to the broker, which has not said yet that it stored them
    is_stopping: bool = False

    def publish(self, lines: Iterator[tuple[int, bytes]]) -> None:
        """Publish the lines, in batches. Raises PublishFailed, Unreadable and KeyboardInterrupt."""
        for batch in self._batches(lines):
            self.in_hand = tuple(batch)
            publish([line.event for line in batch])
            self.published += len(batch)
            self.next_line = batch[-1].number + 1
            self.in_hand = ()
            if self.is_stopping:
                raise KeyboardInterrupt

    def _batches(self, lines: Iterator[tuple[int, bytes]]) -> Iterator[list[Line]]:
        """Yield the valid lines, some at a time. Raises Unreadable, after what came before."""
        batch: list[Line] = []
        unreadable = None
        try:
            for line in self._valid(lines):
                batch.append(line)
                if len(batch) == BATCH:
                    yield batch
                    batch = []
        except Unreadable as error:
            unreadable = error
        if batch:
            yield batch
        if unreadable:
            raise unreadable

    def _valid(self, lines: Iterator[tuple[int, bytes]]) -> Iterator[Line]:
        first = self.next_line
        for number, content in lines:
            if number >= first:
                try:
                    yield self._line(number, content)
                except InvalidEvent as error:
                    self._refuse(number, error)

    def _line(self, number: int, content: bytes) -> Line:
        if len(content) > LONGEST_LINE:
            raise InvalidEvent([FieldError("event", "too_long", f"The line is longer than {LONGEST_LINE} bytes")])
        event = WatchEvent.decode(content)
        if self.source is None or event.has_own_id:
            return Line(number, event, event.has_own_id)
        return Line(number, event.model_copy(update={"id": self._stable_id(number)}), has_id=True)

    def _stable_id(self, number: int) -> UUID:
        name = os.fsencode(str(self.source)).decode(errors="backslashreplace")  # a file's name can be any bytes
        return uuid5(NAMESPACE, f"{name}:{number}")

    def _refuse(self, number: int, error: InvalidEvent) -> None:
        self.refused += 1
        if self.refused <= SHOWN:
            self.stderr.write(f"line {number}: {error}")
        elif self.refused == SHOWN + 1:
            self.stderr.write(f"line {number} and perhaps more are refused, too; from here on they are only counted")

    def so_far(self) -> str:
        """Say what is published, and how to go on so that every line counts once."""
        told = f"{self.published} events are published"
        told += f" and {self.refused} lines refused" if self.refused else ""
        if not self.in_hand:
            return f"{told}; go on with --from-line {self.next_line}"
        told += f"; lines {self.in_hand[0].number} to {self.in_hand[-1].number} may be, too"
        if without := sum(not line.has_id for line in self.in_hand):
            told += f", of which {without} have no id and would count again if they are"
        return f"{told}; go on with --from-line {self.in_hand[0].number}"


@contextmanager
def _signals(run: Run) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait for what is in hand to be stored, the first time, so that the count is exact."""

    def stop(*_signal: object) -> None:
        if run.is_stopping or not run.in_hand:
            raise KeyboardInterrupt
        run.is_stopping = True

    if threading.current_thread() is not threading.main_thread():
        yield  # where no signal arrives, nor can be waited for
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
