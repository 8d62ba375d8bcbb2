"""`manage.py import_history FORMAT FILE`: publish the watch history of another system."""

import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError

from watchtime.commands import ServiceCommand
from watchtime.database import explain
from watchtime.events import PublishFailed
from watchtime.importers import FORMATS
from watchtime.importers.distinct import Occurrences
from watchtime.importers.errors import ImportFailed
from watchtime.importers.names import username_of
from watchtime.importers.rows import Options
from watchtime.importers.source import Source
from watchtime.importing import Importing
from watchtime.lines import STDIN, Unreadable, open_input

LOCAL_TIME = Path("/etc/localtime")


class Command(ServiceCommand):
    help = "Publish the watch history that another system exported. What was imported before counts nothing twice."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("format", metavar="FORMAT", choices=FORMATS, help=", ".join(FORMATS))
        parser.add_argument("file", metavar="FILE", help="the exported file, or - for standard input")
        parser.add_argument(
            "--user",
            metavar="NAME",
            action="append",
            help="who watched everything in the file; or OTHER=NAME: who is called OTHER in it. Can be repeated",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be imported, and import nothing")
        parser.add_argument("--time-zone", metavar="ZONE", help="of times without one; default: this machine's")
        parser.add_argument(
            "--dates",
            choices=("day-first", "month-first"),
            help="how days such as 3/4/21 are written, where the file does not tell",
        )

    def handle(self, *, format: str, file: str, dry_run: bool, **options: Any) -> None:  # noqa: A002
        told = _options(**options)
        with Occurrences() as occurrences:
            importing = Importing(occurrences, dry_run=dry_run)
            try:
                with _regular_file(file) as path:
                    importing.take(FORMATS[format](Source(path), told))
            except (ImportFailed, Unreadable) as error:
                raise CommandError(f"cannot import {file}: {error}{_so_far(importing)}") from error
            except (PublishFailed, DatabaseError) as error:
                problem = explain(error) if isinstance(error, DatabaseError) else error
                raise CommandError(f"{problem}{_so_far(importing)}") from error
            except KeyboardInterrupt:
                raise CommandError(f"stopped{_so_far(importing)}", returncode=128 + signal.SIGINT) from None
        self._report(importing, told)

    def _report(self, importing: Importing, told: Options) -> None:
        done = "would be published" if importing.dry_run else "published"
        self.stdout.write(
            f"{importing.events} events of {importing.rows} rows: "
            f"{importing.new} {done}, {importing.known} already known, {importing.repeated} repeated in the file"
        )
        if importing.growing:
            self.stdout.write(f"{importing.grown} rows had grown: what was counted of them stays, the increase is new")
        if importing.marks:
            self.stdout.write(f"{importing.marks} rows were marks: they say that something was watched, not how long")
        if told.local_times:
            self.stdout.write(f"{told.local_times} times without an offset were taken as of {told.zone}")
        for line in importing.skips:
            self.stdout.write(line)


def _so_far(importing: Importing) -> str:
    if not (importing.new or importing.in_hand) or importing.dry_run:
        return "; nothing new is published"
    in_doubt = f" and {importing.in_hand} more may be" if importing.in_hand else ""
    return f"; {importing.new} events are published{in_doubt}: run it again, ids make repeats harmless"


@contextmanager
def _regular_file(file: str) -> Iterator[Path]:
    """Yield the path of the file; standard input is copied to a temporary one, because some formats are read twice."""
    if file != STDIN:
        if Path(file).is_dir():
            raise Unreadable("it is a directory")
        with open_input(file, "checking", checked=True):
            pass
        yield Path(file)
        return
    with tempfile.NamedTemporaryFile() as copy, open_input(STDIN, "reading", checked=True) as stream:
        shutil.copyfileobj(stream, copy)
        copy.flush()
        yield Path(copy.name)


def _options(*, user: Sequence[str] | str | None, time_zone: str | None, dates: Any, **_options: Any) -> Options:
    """Raises CommandError for what is no username and no time zone."""
    names = [user] if isinstance(user, str) else user or []
    mapped = dict(name.rsplit("=", 1) for name in names if "=" in name)
    whole = [name for name in names if "=" not in name]
    if len(whole) > 1:
        raise CommandError("--user can name one viewer only, or map names: --user OTHER=NAME")
    for name in (*whole, *mapped.values()):
        if username_of(name) != name:
            raise CommandError(f"{name!r} is no username: letters, digits and @ . + - _ only, at most 100")
    return Options(user=whole[0] if whole else None, users=mapped, zone=_zone(time_zone), dates=dates)


def _zone(name: str | None) -> tzinfo:
    """Return a time zone by its name, else this machine's: TZ, then /etc/localtime, then UTC."""
    try:
        if name or settings.MACHINE_TIME_ZONE:
            return ZoneInfo(name or settings.MACHINE_TIME_ZONE.removeprefix(":"))
        if LOCAL_TIME.exists():
            with LOCAL_TIME.open("rb") as data:
                return ZoneInfo.from_file(data, key="this machine's zone")
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CommandError(f"no time zone: {error}; say which with --time-zone") from error
    return ZoneInfo("UTC")
