"""What long-running processes have in common: what they write, how they end, and that they make many objects."""

import gc
import io
import logging
import os
import signal
import threading
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import OutputWrapper

from watchtime.arguments import LAST_PID, whole_number
from watchtime.commands import ServiceCommand

logger = logging.getLogger(__name__)

CHECK_INTERVAL = 0.5  # seconds
STOP_TIMEOUT = 15.0  # seconds; a process that has not stopped by then is ended
NEW_OBJECTS = 20_000  # between two looks for garbage: those of a batch


class ProcessCommand(ServiceCommand):
    """A command that is a process of the service. With LOG_FORMAT=json all that it says are lines of its log."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if settings.LOG_FORMAT == "json":
            self.stdout, self.stderr = OutputWrapper(_Log(logging.INFO)), OutputWrapper(_Log(logging.ERROR))


class ChildCommand(ProcessCommand):
    """One that another process may start, and that ends with it then."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--parent",
            type=whole_number(1, LAST_PID),
            metavar="PID",
            help="Stop when this process, the parent, has ended.",
        )


class _Log(io.StringIO):
    """A stream whose texts are log records."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level

    def write(self, text: str) -> int:
        logger.log(self._level, text.strip())
        return len(text)


def stop_with(parent: int) -> None:
    """Send this process SIGTERM as soon as the process `parent` is no longer its parent, however that ended.

    A parent that is killed can tell nobody; its children would go on, and a web server's would hold the port.
    """
    threading.Thread(target=_watch, args=(parent,), name="parent-watch", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(CHECK_INTERVAL)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_TIMEOUT)
    os._exit(1)


def collect_garbage_less() -> None:
    """Have the garbage collector look at new objects less often, and never again at those that there are now.

    It looks for cycles, and a batch of events makes thousands of objects and none. With Python's threshold of 700
    objects, and a look at everything that was imported every few batches, that took a consumer a fifth of its time,
    and held all of a web server's threads up for 80 ms each time.
    """
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
