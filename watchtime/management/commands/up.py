"""`manage.py up`: web server and consumer together, for development."""

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from django.core.management.base import CommandError

from watchtime.processes import ProcessCommand

STOP_TIMEOUT = 10.0  # seconds
CHECK_INTERVAL = 0.2


class Command(ProcessCommand):
    help = "Run the web server and a consumer. Ctrl-C or SIGTERM stops both; one that was killed is started again."

    def handle(self, **_options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        children = {name: _start(name) for name in ("serve", "consume")}
        try:
            self.stdout.write("Ctrl-C stops.")
            while not stop.wait(CHECK_INTERVAL):
                for name, child in children.items():
                    if (code := child.poll()) is not None:
                        children[name] = self._restart(name, code)
        finally:
            _stop(list(children.values()))

    def _restart(self, name: str, code: int) -> "subprocess.Popen[bytes]":
        """Start a child again that was killed. Raises CommandError when it gave up by itself: it said why."""
        if code >= 0:
            raise CommandError(f"{name} stopped with exit code {code}")
        self.stderr.write(f"{name} was killed by {signal.Signals(-code).name}; starting it again")
        return _start(name)


def _start(name: str) -> "subprocess.Popen[bytes]":
    # A session of its own: Ctrl-C reaches it once, through us, and not twice.
    return subprocess.Popen([sys.executable, sys.argv[0], name, "--parent", str(os.getpid())], start_new_session=True)  # noqa: S603


def _stop(children: "list[subprocess.Popen[bytes]]") -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + STOP_TIMEOUT
    for child in children:
        try:
            child.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
