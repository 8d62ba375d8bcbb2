"""Which database the API reads from: the one that is written, or its replica where there is one.

A read that has to see what was just written, such as a command's, the admin's, a login's or a mutation's, uses the
first. Only reads that say so go to the replica, and only of the tables of this package.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

_alias: ContextVar[str] = ContextVar("database", default=DEFAULT_DB_ALIAS)


@contextmanager
def reading(may_be_late: bool) -> Iterator[None]:
    """Read from the replica in the block, where there is one and what is read may be late."""
    token = _alias.set("replica" if may_be_late and settings.DATABASE_REPLICA_URL else DEFAULT_DB_ALIAS)
    try:
        yield
    finally:
        _alias.reset(token)


def read_connection() -> BaseDatabaseWrapper:
    """Return the connection that reads use now."""
    return connections[_alias.get()]


class Router:
    """Sends the reads of models where `reading` says. Used only where there is a replica."""

    def db_for_read(self, model: type[Model], **_hints: Any) -> str | None:
        """Return the alias of the database to read from; None for Django's own choice."""
        return _alias.get() if model._meta.app_label == "watchtime" else None

    def db_for_write(self, _model: type[Model], **_hints: Any) -> str:
        """Return the alias of the database to write to, whatever the object was read from."""
        return DEFAULT_DB_ALIAS

    def allow_relation(self, *_objects: Model, **_hints: Any) -> bool:
        """Allow it: both databases hold the same rows."""
        return True

    def allow_migrate(self, alias: str, *_arguments: Any, **_hints: Any) -> bool:
        """Migrate the first database only: the replica follows by itself."""
        return alias == DEFAULT_DB_ALIAS
