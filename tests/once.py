"""What is made once for a whole test run, by whichever of its processes asks first."""

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

VARIABLE = "WATCHTIME_TEST_RUN"
BEGAN_HERE = VARIABLE not in os.environ
if BEGAN_HERE:  # the processes that this one starts for tests find the directory in their environment
    os.environ[VARIABLE] = tempfile.mkdtemp(prefix="watchtime-run-")
DIRECTORY = Path(os.environ[VARIABLE])


def once(name: str, make: Callable[[], str]) -> str:
    """Return what `make` returned in the process that was the first to ask for this name."""
    made = DIRECTORY / name
    with (DIRECTORY / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            made.write_text(make())
    return made.read_text()


def at_end(name: str, undo: Callable[[str], object]) -> None:
    """When the run ends, have the process that began it undo what was made under this name, if anything was."""
    made = DIRECTORY / name
    if BEGAN_HERE:
        atexit.register(lambda: made.exists() and undo(made.read_text()))


if BEGAN_HERE:
    atexit.register(shutil.rmtree, DIRECTORY)  # after what was registered later
