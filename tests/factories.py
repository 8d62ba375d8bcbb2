"""Makers of what tests need many of."""

from datetime import UTC, datetime
from typing import Any

from watchtime.events import WatchEvent


def event(**fields: Any) -> WatchEvent:
    """Return an event with a fresh id, watched by anna, on 1 January 2026, unless told otherwise."""
    defaults = {"user": "anna", "slug": "alien", "at": 60, "occurred_at": datetime(2026, 1, 1, tzinfo=UTC)}
    return WatchEvent.from_fields({**defaults, **fields})
