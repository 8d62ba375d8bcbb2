"""Memory of what a file held already, in a temporary file: it grows with the file, and the process does not."""

import hashlib
import sqlite3
from types import TracebackType
from typing import Self

CACHE = 32_000  # kilobytes


def temporary_database() -> sqlite3.Connection:
    """Open a database that lives in a temporary file as soon as it outgrows its cache, and ends with its connection.

    Any thread may close it: the reader of a file that is left half-read ends where it is collected.
    """
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"PRAGMA cache_size = -{CACHE}")
    return connection


class Occurrences:
    """Counts how often each key came."""

    def __init__(self) -> None:
        self._database = temporary_database()
        self._database.execute("CREATE TABLE seen (key BLOB PRIMARY KEY, times INTEGER) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def before(self, *parts: object) -> int:
        """Return how often these parts came before, and count them once more."""
        text = "\0".join(map(str, parts)).encode(errors="surrogatepass")
        key = hashlib.blake2b(text, digest_size=16).digest()
        sql = "INSERT INTO seen VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET times = times + 1 RETURNING times"
        return int(self._database.execute(sql, [key]).fetchone()[0]) - 1
