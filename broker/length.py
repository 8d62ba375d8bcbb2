"""The length of a queue in the table, without counting it each time."""

from django.db import connection

from broker.models import Message


class Length:
    """Bounds the length of one queue from above: ids grow, so no more messages came than ids were given since."""

    def __init__(self, queue: str, limit: int) -> None:
        self._queue = queue
        self._limit = limit
        self._counted, self._newest = 0, -1  # at the last count

    def excess(self, more: int = 0) -> int:
        """Return by how many messages the queue exceeds its limit, with `more` of them added; 0 when it does not."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT (SELECT min(id) FROM broker_message), (SELECT max(id) FROM broker_message)")
            oldest, newest = cursor.fetchone()
        if newest is None or newest - oldest + 1 + more <= self._limit:
            return 0
        if self._newest < 0 or self._counted + newest - self._newest + more > self._limit:
            self._counted, self._newest = Message.objects.filter(queue=self._queue).count(), newest
        return int(max(0, self._counted + newest - self._newest + more - self._limit))
