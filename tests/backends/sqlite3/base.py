"""Django's backend for SQLite, for a database that belongs to tests."""

from collections.abc import Sequence
from typing import Any

from django.db.backends.sqlite3 import base, operations

from tests.backends import KEPT


class DatabaseOperations(operations.DatabaseOperations):
    def sql_flush(self, style: Any, tables: Sequence[str], **options: Any) -> list[str]:
        return super().sql_flush(style, [table for table in tables if table not in KEPT], **options)


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = DatabaseOperations
