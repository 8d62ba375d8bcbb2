"""Rows of Python values as a table inside one SQL statement, on PostgreSQL and SQLite.

A statement with a placeholder for each value changes with the number of rows, and ends at
the database's limit of placeholders. These take a parameter a column, or one in all.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.db import connection
from django.db.models import Field, Model


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
