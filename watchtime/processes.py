"""Processes that end with the one that started them."""

import os
import signal
import threading
import time

CHECK_INTERVAL = 0.5  # seconds
STOP_TIMEOUT = 15.0  # seconds; a process that has not stopped by then is ended


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
