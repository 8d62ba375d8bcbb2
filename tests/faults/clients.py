"""Players that publish through HTTP, and keep a log of their own of what was acknowledged to them."""

import http.client
import json
import os
import random
import threading
import time
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

from tests.processes import let_pass
from watchtime.models import MAX_MOMENT

EVENTS_A_PAIR = 8
MOVIES = ("alien", "brazil", "casablanca")
TIMEOUT = 8.0
GIVE_UP = 40.0


class Published(NamedTuple):
    """An event as a line of the log.

    The n-th event of a viewer and a movie watched 4 ** n seconds: written in base 4, the
    total's n-th digit says how often the event was counted.
    """

    id: UUID
    user: str
    slug: str
    start: int
    at: int

    @classmethod
    def make(cls, client: str, number: int) -> "Published":
        pair, digit = divmod(number, EVENTS_A_PAIR)
        watched = 4**digit
        start = random.randint(0, MAX_MOMENT - watched)
        user = f"{client}-{pair // len(MOVIES)}"
        return cls(uuid4(), user, MOVIES[pair % len(MOVIES)], start, start + watched)

    @classmethod
    def read(cls, line: str) -> "Published":
        event_id, user, slug, start, at = line.split()
        return cls(UUID(event_id), user, slug, int(start), int(at))

    def write(self) -> str:
        return " ".join(map(str, self)) + "\n"

    def body(self) -> bytes:
        return json.dumps({**self._asdict(), "id": str(self.id)}).encode()


class NeverAcknowledged(AssertionError):
    """An event that the service would not take for so long that it counts as down."""


def ask(port: int, method: str, path: str, body: bytes | None = None) -> int:
    """Send a request; return the status, or 0 when there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


class Client(threading.Thread):
    """Publishes one event after the other, each with one id until it is acknowledged, some of them once more."""

    def __init__(self, name: str, port: int, directory: Path, pause: float = 0.01, repeats: float = 0.05) -> None:
        super().__init__(name=name, daemon=True)
        self.port = port
        self.refused = 0
        self.acknowledged = 0
        self.error: Exception | None = None
        self.last_acknowledged_at = 0.0
        self._pause, self._repeats = pause, repeats
        self._abandoned = False
        self._stop_asked = threading.Event()
        self._go = threading.Event()
        self._go.set()
        self._idle = threading.Event()
        self._log = (directory / f"{name}.log").open("a")

    def run(self) -> None:
        try:
            while not self._stop_asked.is_set():
                self.publish()
                self._rest()
        except Exception as error:
            self.error = error
        finally:
            self._idle.set()

    def publish(self) -> Published:
        """Publish the next event, and note it once it is acknowledged."""
        event = Published.make(self.name, self.acknowledged)
        body = event.body()
        deadline = time.monotonic() + GIVE_UP
        while (status := ask(self.port, "POST", "/", body)) != 200:
            self.refused += 1
            if self._abandoned or status not in {0, 500, 502, 503} or time.monotonic() > deadline:
                raise NeverAcknowledged(f"{event} of {self.name}: status {status}")
            let_pass(random.uniform(0.05, 0.2), "players do not try again at once")
        self._note(event)
        if random.random() < self._repeats:
            ask(self.port, "POST", "/", body)
        return event

    def _note(self, event: Published) -> None:
        self._log.write(event.write())
        self._log.flush()
        os.fsync(self._log.fileno())
        self.acknowledged += 1
        self.last_acknowledged_at = time.monotonic()

    def _rest(self) -> None:
        if not self._go.is_set():
            self._idle.set()
            self._go.wait()
            self._idle.clear()
        self._stop_asked.wait(self._pause)

    def pause(self) -> None:
        """Return when the event in hand is acknowledged, and publish no more."""
        self._go.clear()
        assert self._idle.wait(GIVE_UP + TIMEOUT), f"{self.name} is still publishing"

    def resume(self) -> None:
        self._go.set()

    def close(self) -> None:
        """End without waiting for an acknowledgement."""
        self._abandoned = True
        self._stop_asked.set()
        self._go.set()
        if self.is_alive():
            self.join(2 * TIMEOUT)
        self._log.close()

    def stop(self) -> None:
        """Return when the event in hand is acknowledged, and end. Raises what went wrong."""
        self._stop_asked.set()
        self._go.set()
        if self.is_alive():
            self.join(GIVE_UP + 2 * TIMEOUT)
        self._log.close()
        if self.error is not None:
            raise self.error
