"""A web server as the service runs it, and clients that load it."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from bench.service import Service

CLIENTS = 8
WRK = shutil.which("wrk")  # takes a tenth of the processor time of clients in Python, which the server wants
GENERATOR = f"wrk, {CLIENTS} connections" if WRK else f"Python, {CLIENTS} threads: it takes most of a core"
SCRIPT = Path(__file__).with_name("send.lua")
TICK = os.sysconf("SC_CLK_TCK")


class Load(NamedTuple):
    """The result of a round of requests."""

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
            return exchange(connection, request)

    def seconds(self, request: bytes, times: int) -> float:
        """Send a request again and again over one connection; return the seconds of each."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            begin = time.perf_counter()
            for _ in range(times):
                if b"TOO_LARGE" in exchange(connection, request):
                    raise RuntimeError("The service refused what is to be measured.")
            return (time.perf_counter() - begin) / times

    def load(self, request: bytes, seconds: float) -> Load:
        """Send the request from every client, again and again: by wrk where it is installed."""
        cpu, send = self._cpu(), _by_wrk if WRK else _by_threads
        answered, took = send(self.port, request, seconds)
        return Load(answered / took, answered / max(self._cpu() - cpu, 1 / TICK))

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


def _by_wrk(port: int, request: bytes, seconds: float) -> tuple[int, float]:
    """Return how many answers came, and in how many seconds. wrk takes whole seconds."""
    with tempfile.NamedTemporaryFile(prefix="bench-") as file:
        file.write(request)
        file.flush()
        options = ["-t1", f"-c{CLIENTS}", f"-d{max(1, round(seconds))}s", "-s", str(SCRIPT)]
        command = [WRK or "", *options, f"http://127.0.0.1:{port}/", file.name]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    found = re.search(r"answered (\d+) failed (\d+) microseconds (\d+)", said)
    if found is None or int(found[2]):
        raise RuntimeError(said)
    return int(found[1]), int(found[3]) / 1e6


def _by_threads(port: int, request: bytes, seconds: float) -> tuple[int, float]:
    counts, begin = [0] * CLIENTS, time.monotonic()

    def ask(index: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            while time.monotonic() < begin + seconds:
                exchange(connection, request)
                counts[index] += 1

    clients = [threading.Thread(target=ask, args=(index,)) for index in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return sum(counts), time.monotonic() - begin


def exchange(connection: socket.socket, request: bytes) -> bytes:
    """Send a request and return the body of the answer. Raises RuntimeError when its status is not 200."""
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
    for _ in range(1_200):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.1)
    raise RuntimeError("The web server does not answer.")
