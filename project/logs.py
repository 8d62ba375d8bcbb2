"""What is worth a line in the log."""

import logging


def is_fault(record: logging.LogRecord) -> bool:
    """Say whether a record is worth logging: ordinary mistakes of clients are not.

    Django logs each answer of status 400 and up. What answers 503 has said why in a line of its own. A request that
    Django takes for an attack, or that names an unknown host, is one line: what it says matters, not where.
    """
    if record.name.startswith("django.security"):
        record.exc_info = None
        return True
    status = getattr(record, "status_code", None)
    return status is None or (status >= 500 and status != 503)
