"""What rows need of SQL that Django does not write, on PostgreSQL and SQLite.

Rows of Python values are a table inside one statement. With a placeholder for each value it would
change with the number of rows, and end at the database's limit of placeholders; these take a
parameter a column, or one in all. And a row is compared with values as a whole.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.db import connection
from django.db.models import F, Field, Model
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.db.models.lookups import BuiltinLookup

Beyond = TupleLessThan | TupleGreaterThan


class _RowLessThan(TupleLessThan):
    as_sqlite = BuiltinLookup.as_sql


class _RowGreaterThan(TupleGreaterThan):
    as_sqlite = BuiltinLookup.as_sql


def beyond(columns: Sequence[str], values: Sequence[Any], *, descending: bool) -> Beyond:
    """Return the condition that a row comes after these values of its columns.

    A row comparison, because a database reads `(a, b) < (x, y)` off an index. `a < x OR
    (a = x AND b < y)`, which Django would make of it for SQLite, it does not.
    """
    compare = _RowLessThan if descending else _RowGreaterThan
    return compare(Tuple(*map(F, columns)), tuple(values))


def execute(
    sql: str, model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> list[tuple[Any, ...]]:
    """Execute `sql` with `{rows}` in it as a table `batch`; return the rows that the statement returns.

    `columns` are columns of the model's table: they name and type those of `batch`.
    """
    fields = [cast("Field[Any, Any]", model._meta.get_field(column)) for column in columns]
    if connection.vendor == "postgresql":
        table, parameters = _unnest(fields, rows)
    else:
        table, parameters = _json_each(fields, rows)
    with connection.cursor() as cursor:
        cursor.execute(sql.replace("{rows}", table), parameters)
        return cursor.fetchall() if cursor.description else []


def _unnest(fields: Sequence["Field[Any, Any]"], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    # %b, because psycopg writes an array in binary several times as fast as in text, and PostgreSQL
    # reads it so. It needs the connection's server_side_binding.
    arrays = ", ".join(f"%b::{_type(field)}[]" for field in fields)
    names = ", ".join(str(field.column) for field in fields)
    return f"unnest({arrays}) AS batch({names})", [list(column) for column in zip(*rows, strict=True)]


def _type(field: "Field[Any, Any]") -> str:
    # Without the length: a cast to varchar(n) would cut a value instead of refusing it.
    return str(field.db_type(connection)).partition("(")[0]


def _json_each(fields: Sequence["Field[Any, Any]"], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    columns = ", ".join(f"json_extract(value, '$[{i}]') AS {field.column}" for i, field in enumerate(fields))
    adapt_time = connection.ops.adapt_datetimefield_value

    def stored(value: object) -> Any:
        """Return what SQLite stores of a value that JSON has no type for."""
        if isinstance(value, UUID):
            return value.hex
        if isinstance(value, datetime):
            return adapt_time(value)
        raise TypeError(f"no column holds a {type(value).__name__}")

    return f"(SELECT {columns} FROM json_each(%s)) AS batch", [json.dumps(rows, default=stored)]
