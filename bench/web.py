"""The web server, as the service runs it, and clients that keep it busy."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from bench.service import Service

CLIENTS = 8
TICK = os.sysconf("SC_CLK_TCK")


class Load(NamedTuple):
    """What a round took."""

    rate: float  # requests a second
    cpu: float  # requests a second of the server's processor time


class Server:
    """A running web server of one process, and clients that keep it busy."""

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.pid = pid

    def ask(self, request: bytes) -> bytes:
        """Send one request; return the body of the answer."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            return _exchange(connection, request)

    def seconds(self, request: bytes, times: int) -> float:
        """Send a request again and again over one connection; return the seconds of each."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            begin = time.perf_counter()
            for _ in range(times):
                if b"TOO_LARGE" in _exchange(connection, request):
                    raise RuntimeError("The service refused what is to be measured.")
            return (time.perf_counter() - begin) / times

    def load(self, request: bytes, seconds: float) -> Load:
        """Send the request from every client, again and again."""
        counts, begin, cpu = [0] * CLIENTS, time.monotonic(), self._cpu()
        clients = [
            threading.Thread(target=self._client, args=(request, begin + seconds, counts, index))
            for index in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        return Load(sum(counts) / (time.monotonic() - begin), sum(counts) / max(self._cpu() - cpu, 1 / TICK))

    def _client(self, request: bytes, end: float, counts: list[int], index: int) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            while time.monotonic() < end:
                _exchange(connection, request)
                counts[index] += 1

    def _cpu(self) -> float:
        """Return the processor seconds of the server and its worker so far."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                pid, _, rest = stat.read_text().partition(" ")
                fields = rest.rpartition(")")[2].split()
                if self.pid in (int(pid), int(fields[1])):
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / TICK


def _exchange(connection: socket.socket, request: bytes) -> bytes:
    connection.sendall(request)
    received = connection.recv(65_536)
    head, _, body = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(received)
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65_536)
    return body


def post(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


@contextmanager
def serving(service: Service, **settings: str) -> Iterator[Server]:
    """Give the web server, with one worker unless the settings say otherwise."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    given = {"DJANGO_SETTINGS_MODULE": "bench.bare_settings", "PORT": str(port), "WEB_WORKERS": "1", **settings}
    environment = {name: value for name, value in {**service.environment, **given}.items() if value}
    process = subprocess.Popen([sys.executable, "manage.py", "serve"], cwd=service.root, env=environment)
    try:
        _await(port)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait(20)


def _await(port: int) -> None:
    for _ in range(200):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.1)
    raise RuntimeError("The web server does not answer.")
