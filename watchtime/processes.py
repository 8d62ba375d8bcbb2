"""What long-running processes have in common: they end with the one that started them, and make many objects."""

import gc
import os
import signal
import threading
import time

CHECK_INTERVAL = 0.5  # seconds
STOP_TIMEOUT = 15.0  # seconds; a process that has not stopped by then is ended
NEW_OBJECTS = 20_000  # between two looks for garbage: those of a batch


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

    It looks for cycles, and a batch makes thousands of objects and none. With Python's threshold of 700 objects,
    and a look at everything that was imported every few batches, that took a consumer a fifth of its time.
    """
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
