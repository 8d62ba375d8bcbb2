"""Django's PostgreSQL backend, with limits to how long an answer may take.

The server ends a statement that takes too long (`statement_timeout`), and the kernel a connection whose data nobody
confirms (`tcp_user_timeout`, keepalives). Neither helps where something in between confirms the data and forwards
nothing, or where the server is stopped: psycopg would wait for ever. So a connection on which no answer comes some
time after the server should have given up is closed here.
"""

import select
import time
from functools import partial
from typing import Any, ClassVar

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base

from watchtime.postgresql.arrays import BinaryArray, BinaryArrayDumper

CONNECT_TIMEOUT = 3  # seconds
MARGIN = 1.0  # seconds that the server's word about a statement that took too long may take
LOOK_INTERVAL = 1.0  # seconds
PREPARE_AFTER = 5  # executions; planning a total takes PostgreSQL longer than reading it


class DatabaseWrapper(base.DatabaseWrapper):
    """Connections on which a statement may take `statement_timeout` seconds, or any time when that is None."""

    statement_timeout: ClassVar[float | None] = None
    lost_at: ClassVar[float] = 0.0  # when a connection of this process was last given up
    _connected_at = _looked_at = 0.0

    def get_connection_params(self) -> dict[str, Any]:
        """Have the server, too, give up what the client gave up: its locks would stop everyone else."""
        parameters: dict[str, Any] = super().get_connection_params()
        if self.statement_timeout is not None:
            milliseconds = int(1000 * self.statement_timeout)
            parameters.setdefault("connect_timeout", CONNECT_TIMEOUT)
            parameters["prepare_threshold"] = self.settings_dict["OPTIONS"].get("prepare_threshold", PREPARE_AFTER)
            parameters.setdefault("tcp_user_timeout", milliseconds)
            parameters.setdefault("keepalives_idle", max(1, int(self.statement_timeout)))
            parameters.setdefault("keepalives_interval", 1)
            parameters.setdefault("keepalives_count", 3)
            limits = ("statement_timeout", "idle_in_transaction_session_timeout", "client_connection_check_interval")
            given = " ".join(f"-c {limit}={milliseconds}" for limit in limits)
            if settings.DATABASE_TRANSACTION_POOLER:
                return parameters  # it takes no such options: the role has them, see docs/operations.md
            parameters["options"] = f"{given} {parameters.get('options', '')}".strip()  # the last one given counts
        return parameters

    def is_usable(self) -> bool:
        """Say whether the connection can be used, as seen from here: nothing may wait to be read on an idle one.

        A server that goes closes its connections, and that can be read. Django asks the server
        instead, which took a request of one small query half its time. One look a second is
        enough: no server is back sooner. When one connection had to be given up, the older ones
        of other threads are most likely broken, too.
        """
        if self.connection.closed or self._connected_at < DatabaseWrapper.lost_at:
            return False
        if time.monotonic() < self._looked_at + LOOK_INTERVAL and not self.errors_occurred:
            return True
        self._looked_at = time.monotonic()
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        return not waiting.poll(0) or super().is_usable()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect, and limit every wait of the connection from now on. It takes the arrays of `watchtime.rows`."""
        self._connected_at = time.monotonic()
        connection = super().get_new_connection(conn_params)
        connection.adapters.register_dumper(BinaryArray, BinaryArrayDumper)
        if self.statement_timeout is not None:
            connection.wait = partial(_wait, connection, self.statement_timeout)
        return connection


def _wait(connection: "psycopg.Connection[Any]", timeout: float, answer: Any, **options: Any) -> Any:
    """Wait for an answer as psycopg does, but close the connection when none comes in time."""
    try:
        return psycopg.Connection.wait(connection, answer, **{"timeout": timeout + MARGIN, **options})
    except psycopg.OperationalError as error:
        if error.sqlstate is None:  # no word of the server's: the answer to this would pass for one to the next
            connection.close()
            DatabaseWrapper.lost_at = time.monotonic()
        raise
