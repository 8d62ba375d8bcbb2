"""The service's backend for PostgreSQL, for a database that belongs to tests."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.backends.postgresql import operations

from tests.backends import KEPT
from watchtime.postgresql import base

# TRUNCATE replaces the files of tables and indexes, 100 for all of them. DELETE is cheaper, but the dead rows that it
# leaves change the plans that later tests look at. The lock waits for those who write: they would leave rows.
EMPTY = """
DO $$
DECLARE
    filled text;
BEGIN
    LOCK TABLE {tables};
    SELECT string_agg(name, ', ') INTO filled FROM ({found}) AS tables;
    IF filled IS NOT NULL THEN
        EXECUTE 'TRUNCATE ' || filled || ' CASCADE';
    END IF;
END $$
"""


class DatabaseOperations(operations.DatabaseOperations):
    def sql_flush(self, style: Any, tables: Sequence[str], **options: Any) -> list[str]:
        """Empty the tables that have rows."""
        names = [self.quote_name(table) for table in tables if table not in KEPT]
        found = " UNION ALL ".join(f"SELECT '{name}' AS name WHERE EXISTS (SELECT FROM {name})" for name in names)
        return [EMPTY.format(tables=", ".join(names), found=found)]


class DatabaseWrapper(base.DatabaseWrapper):
    """Connections with the service's parameters, and time for fixtures to fill, empty and drop on a busy machine.

    The limit is the same whether or not a test imports the web server's entry point, which sets the service's.
    """

    ops_class = DatabaseOperations
    statement_timeout: ClassVar[float | None] = 100.0
