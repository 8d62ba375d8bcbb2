"""A TCP proxy between a client and a server, to do to their connections what networks do."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

CHUNK = 65_536


class Link:
    """One connection through the proxy: a socket to either side, a thread for each direction."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.swallow_up = self.swallow_down = False
        self.cut_mid_up = self.cut_mid_down = False
        self.delay_up = self.delay_down = 0.0
        self._client, self._server = client, server
        for source, target, direction in ((client, server, "up"), (server, client, "down")):
            threading.Thread(target=self._pump, args=(source, target, direction), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, direction: str) -> None:
        try:
            while chunk := source.recv(CHUNK):
                if getattr(self, f"cut_mid_{direction}"):
                    target.sendall(chunk[: max(1, len(chunk) // 2)])
                    break
                time.sleep(getattr(self, f"delay_{direction}"))
                if not getattr(self, f"swallow_{direction}"):
                    target.sendall(chunk)
        except OSError:
            pass
        if not getattr(self, f"swallow_{direction}"):
            self.cut()

    def swallow(self, *, up: bool = True, down: bool = True) -> None:
        """From now on take in what comes, and forward none of it."""
        self.swallow_up, self.swallow_down = up, down

    def arm(self, *, up: bool) -> None:
        """Forward half of the next bytes that go this way, and close."""
        if up:
            self.cut_mid_up = True
        else:
            self.cut_mid_down = True

    def delay(self, seconds: float) -> None:
        """Forward what the server sends so much later."""
        self.delay_down = seconds

    def drop_server(self) -> None:
        """Close the server's side; the client's stays open and silent."""
        self.swallow()
        _close(self._server)

    def cut(self) -> None:
        """Close both sides."""
        _close(self._client)
        _close(self._server)


class Proxy:
    """Listens on a port of its own and forwards to `target`, a port of 127.0.0.1, unless told otherwise."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._on_link: Callable[[Link], None] | None = None
        self._refusing = False
        self._links: list[Link] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                _close(client)
            else:
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError:
            _close(client)
            return
        server.settimeout(None)
        for side in (client, server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = Link(client, server)
        with self._lock:
            if self._refusing:  # since a moment ago
                link.cut()
            elif self._on_link is not None:
                self._on_link(link)
            self._links.append(link)

    def _each(self, do: Callable[[Link], None], *, new_ones_too: bool) -> None:
        with self._lock:
            self._on_link = do if new_ones_too else None
            for link in self._links:
                do(link)

    def cut(self) -> None:
        """Close every connection; new ones pass."""
        self._each(Link.cut, new_ones_too=False)
        self._links.clear()

    def refuse(self) -> None:
        """Close every connection, and new ones at once."""
        self._refusing = True
        self.cut()

    def delay(self, seconds: float) -> None:
        """Let what the server sends arrive so much later, on every connection and on new ones."""
        self._each(partial(Link.delay, seconds=seconds), new_ones_too=True)

    def blackhole(self) -> None:
        """Swallow what either side sends, on every connection and on new ones."""
        self._each(Link.swallow, new_ones_too=True)

    def forget(self) -> None:
        """Swallow what either side sends on the connections that there are; new ones pass."""
        self._each(Link.swallow, new_ones_too=False)

    def half_open(self) -> None:
        """Close the server's side of the connections that there are, and keep that from the client."""
        self._each(Link.drop_server, new_ones_too=False)

    def lose_answers(self) -> None:
        """Swallow what the server sends, while what the client sends arrives."""
        self._each(partial(Link.swallow, up=False), new_ones_too=True)

    def cut_mid_frame(self, *, up: bool, new_ones_too: bool = False) -> None:
        """Let half of the next bytes through, to the server or from it, and close."""
        self._each(partial(Link.arm, up=up), new_ones_too=new_ones_too)

    def heal(self) -> None:
        """Let new connections pass, and close those that lost bytes: their streams cannot be continued."""
        self._refusing = False
        self.cut()

    def close(self) -> None:
        self.refuse()
        self._listener.close()


def _close(side: socket.socket) -> None:
    with suppress(OSError):  # closed already; the shutdown wakes the thread that reads from it
        side.shutdown(socket.SHUT_RDWR)
    side.close()
