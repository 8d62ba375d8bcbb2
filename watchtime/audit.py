"""The audit log: who issued, exported, erased or changed what, one line each."""

import getpass
import json
import logging

logger = logging.getLogger(__name__)


def record(who: str, action: str, **details: object) -> None:
    """Log an action. Its details are written as JSON, so that no name can end the line or begin another."""
    logger.info("%s by %s: %s", action, json.dumps(who), json.dumps(details, default=str, sort_keys=True))


def operator() -> str:
    """Return who runs a command: the operating system's user."""
    try:
        return f"command of {getpass.getuser()}"
    except (KeyError, OSError):  # a container's user may have no name
        return "command"
