"""What rows need of SQL that Django does not write, on PostgreSQL and SQLite.

Rows of Python values are a table inside one statement. With a placeholder for each value it would
change with the number of rows, and end at the database's limit of placeholders; these take a
parameter a column, or one in all. And a row is compared with values as a whole.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BinaryField, DateTimeField, F, Field, Model, UUIDField
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.db.models.lookups import BuiltinLookup

from watchtime.postgresql.arrays import to_array

KeysetCondition = TupleLessThan | TupleGreaterThan
Key = tuple[Any, ...]


class _RowLessThan(TupleLessThan):
    as_sqlite = BuiltinLookup.as_sql


class _RowGreaterThan(TupleGreaterThan):
    as_sqlite = BuiltinLookup.as_sql


def keyset_condition(columns: Sequence[str], values: Sequence[Any], *, descending: bool) -> KeysetCondition:
    """Return the condition that a row comes after these values of its columns.

    A row comparison, because a database reads `(a, b) < (x, y)` off an index. `a < x OR
    (a = x AND b < y)`, which Django would make of it for SQLite, it does not.
    """
    compare = _RowLessThan if descending else _RowGreaterThan
    return compare(Tuple(*map(F, columns)), tuple(values))


def execute(
    sql: str,
    model: type[Model],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    returns: Sequence[str] = (),
    *,
    using: BaseDatabaseWrapper | None = None,
) -> list[tuple[Any, ...]]:
    """Execute `sql` with `{rows}` in it as a table `batch`; return the rows that the statement returns.

    `columns` are columns of the model's table: they name and type those of `batch`. `returns` are those
    of the returned rows; needed where SQLite has no type for what a column holds, a UUID or a time.
    `using` is the connection; without one it is that of the database that is written.
    Without rows nothing is executed.
    """
    if not rows:
        return []
    fields = _fields(model, columns)
    if connection.vendor == "postgresql":
        table, parameters = _unnest(fields, rows)
    else:
        table, parameters = _json_each(fields, rows)
    with (using or connection).cursor() as cursor:
        cursor.execute(sql.replace("{rows}", table), parameters)
        found = cursor.fetchall() if cursor.description else []
    return _load(_fields(model, returns), found) if connection.vendor == "sqlite" and returns else found


def write(sql: str, model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> int:
    """Execute `sql`, which returns nothing, as `execute` does; return how many rows it inserted, updated or deleted.

    SQLite executes it once a row: to make JSON of the rows and to read that takes longer than all the rest, and
    there is no way to a server to save. So `sql` has to use every column, and to mean the same
    when it is executed for each row alone.
    """
    if not rows:
        return 0
    fields = _fields(model, columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            table, parameters = _unnest(fields, rows)
            cursor.execute(sql.replace("{rows}", table), parameters)
        else:
            cursor.executemany(_for_one_row(sql, fields), list(_adapted(fields, rows)))
        return int(cursor.rowcount)


def insert_new(
    sql: str, model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[Any]], returns: Sequence[str]
) -> list[tuple[Any, ...]] | None:
    """Execute an INSERT with an `ON CONFLICT DO NOTHING`; return columns of the rows that it made, None for all.

    That all are made is the usual case, for which the database need not return their keys.
    """
    table = model._meta.db_table
    if connection.vendor == "postgresql":
        made = execute(f"{sql} RETURNING id", model, columns, rows)
        if len(made) == len(rows):
            return None
        return execute(f"SELECT {', '.join(returns)} FROM {table} JOIN {{rows}} USING (id)", model, ["id"], made)
    count = write(sql, model, columns, rows)
    if count == len(rows):
        return None
    # SQLite gives ids in ascending order, and nobody else makes rows during this transaction.
    newest = f"SELECT {', '.join(returns)} FROM {table} ORDER BY id DESC LIMIT (SELECT id FROM {{rows}})"
    return execute(newest, model, ["id"], [(count,)], returns=returns) if count else []


def replacing(columns: Iterable[str]) -> dict[str, str]:
    """Return the `writes` of `merge_rows` that replace what is stored."""
    return {column: f"batch.{column}" for column in columns}


def merge_rows(
    model: type[Model],
    key: Sequence[str],
    reads: Sequence[str],
    writes: Mapping[str, str],
    wanted: Iterable[Key],
    merge: Callable[[Key, Sequence[Any]], Sequence[Any]],
) -> None:
    """Store what `merge` makes of each wanted row: of its key and the stored values of `reads`, () for a new one.

    It returns the values of `writes`: of a new row as they are stored, of another as the SQL of `writes` adds
    them to what is `stored`; they are in a table `batch` there. The rows are locked in the order of their keys
    before they are read. A row that another consumer makes meanwhile is neither lost nor overwritten: `merge`
    is called for it again, with its values.
    """
    remaining = sorted(wanted)
    while remaining:
        stored = {row[: len(key)]: row[len(key) :] for row in _lock(model, key, reads, remaining)}
        if known := [(*values, *merge(values, stored[values])) for values in remaining if values in stored]:
            _update(model, key, writes, known)
        new = [(*values, *merge(values, ())) for values in remaining if values not in stored]
        made = set(_insert(model, key, [*writes], new))
        remaining = [row[: len(key)] for row in new if row[: len(key)] not in made]


def _lock(model: type[Model], key: Sequence[str], columns: Sequence[str], rows: Sequence[Key]) -> list[tuple[Any, ...]]:
    table, keys = model._meta.db_table, ", ".join(key)
    select = f"SELECT {', '.join([*key, *columns])} FROM {table} JOIN {{rows}} USING ({keys})"
    if connection.features.has_select_for_no_key_update:
        select += f" ORDER BY {keys} FOR NO KEY UPDATE OF {table}"
    return execute(select, model, key, rows, returns=[*key, *columns])


def _update(model: type[Model], key: Sequence[str], writes: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
    values = ", ".join(f"{column} = {value}" for column, value in writes.items())
    same = " AND ".join(f"stored.{column} = batch.{column}" for column in key)
    update = f"UPDATE {model._meta.db_table} AS stored SET {values}"
    write(f"{update} FROM {{rows}} WHERE {same}", model, [*key, *writes], rows)


def _insert(
    model: type[Model], key: Sequence[str], columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> Iterable[Key]:
    """Insert rows; return the keys of those that nobody else made meanwhile. Nobody can on SQLite."""
    names, keys = ", ".join([*key, *columns]), ", ".join(key)
    insert = f"INSERT INTO {model._meta.db_table} ({names}) SELECT {names} FROM {{rows}} WHERE true"
    if connection.vendor == "postgresql":
        return execute(f"{insert} ON CONFLICT ({keys}) DO NOTHING RETURNING {keys}", model, [*key, *columns], rows)
    write(insert, model, [*key, *columns], rows)
    return (tuple(row[: len(key)]) for row in rows)


def _fields(model: type[Model], columns: Sequence[str]) -> list["Field[Any, Any]"]:
    return [cast("Field[Any, Any]", model._meta.get_field(column)) for column in columns]


def _unnest(fields: Sequence["Field[Any, Any]"], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    # %b, because an array is made in binary several times as fast as in text, and PostgreSQL
    # reads it so. It needs the connection's server_side_binding.
    types = [_type(field) for field in fields]
    arrays = ", ".join(f"%b::{element_type}[]" for element_type in types)
    names = ", ".join(str(field.column) for field in fields)
    columns = zip(types, zip(*rows, strict=True), strict=True)
    return f"unnest({arrays}) AS batch({names})", [to_array(*column) for column in columns]


def _type(field: "Field[Any, Any]") -> str:
    # Without the length: a cast to varchar(n) would cut a value instead of refusing it.
    return str(field.db_type(connection)).partition("(")[0]


def _for_one_row(sql: str, fields: Sequence["Field[Any, Any]"]) -> str:
    """Return the statement with placeholders for the values of one row.

    An UPDATE with a table joined to it takes SQLite longer than one with values in their places.
    """
    places = {str(field.column): f"?{number}" for number, field in enumerate(fields, 1)}
    if sql.startswith("UPDATE"):
        return re.sub(r"\bbatch\.(\w+)", lambda match: places[match[1]], sql.replace(" FROM {rows}", ""))
    columns = ", ".join(f"{place} AS {column}" for column, place in places.items())
    return sql.replace("{rows}", f"(SELECT {columns}) AS batch")


def _adapted(fields: Sequence["Field[Any, Any]"], rows: Sequence[Sequence[Any]]) -> Iterable[tuple[Any, ...]]:
    """Return rows as SQLite takes their values."""
    columns: list[Iterable[Any]] = [*zip(*rows, strict=True)]
    for position, field in enumerate(fields):
        if isinstance(field, UUIDField):
            columns[position] = [None if value is None else value.hex for value in columns[position]]
        elif isinstance(field, DateTimeField):
            columns[position] = [_time_text(value) for value in columns[position]]
    return zip(*columns, strict=True)


def _json_each(fields: Sequence["Field[Any, Any]"], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    """Return a table made of one JSON parameter. JSON has no bytes: these are parts of one more parameter each."""
    columns, parameters = [], []
    values: Sequence[Any] = rows
    if any(isinstance(field, BinaryField) for field in fields):
        values = [list(row) for row in rows]
    for i, field in enumerate(fields):
        value = f"json_extract(value, '$[{i}]')"
        if isinstance(field, BinaryField):
            parameters.append(_cut_out(values, i))
            value = f"substr(%s, json_extract(value, '$[{i}][0]'), json_extract(value, '$[{i}][1]'))"
        columns.append(f"{value} AS {field.column}")
    return f"(SELECT {', '.join(columns)} FROM json_each(%s)) AS batch", [
        *parameters,
        json.dumps(values, default=_stored),
    ]


def _cut_out(rows: Sequence[list[Any]], position: int) -> bytes:
    """Put where each row's bytes are in their place; return all of them together, behind a first byte.

    Of a parameter without any byte, which is NULL to SQLite, no part could be cut.
    """
    pieces, offset = [b"\0"], 2
    for row in rows:
        pieces.append(row[position])
        row[position] = offset, len(pieces[-1])
        offset += len(pieces[-1])
    return b"".join(pieces)


def _stored(value: object) -> Any:
    """Return what SQLite stores of a value that JSON has no type for."""
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return _time_text(value)
    raise TypeError(f"no column holds a {type(value).__name__}")


def _time_text(value: datetime) -> str:
    """Return what Django stores, in a tenth of the time that its adapt_datetimefield_value takes."""
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat(" ").removesuffix("+00:00")


def _load(fields: Sequence["Field[Any, Any]"], rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows of SQLite as Python has their values."""
    loaders = [next((load for kind, load in _LOADERS if isinstance(field, kind)), _as_it_is) for field in fields]
    return [
        tuple(None if value is None else load(value) for load, value in zip(loaders, row, strict=True)) for row in rows
    ]


def _as_it_is(value: Any) -> Any:
    return value


def _load_time(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC)


_LOADERS: Sequence[tuple[type["Field[Any, Any]"], Callable[[Any], Any]]] = (
    (UUIDField, UUID),
    (DateTimeField, _load_time),
)
