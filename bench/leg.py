"""A process of the service that a benchmark starts, and calls functions of `bench.legs` in.

Child: `python -m bench.leg MODULE:FUNCTION` reads a JSON list of arguments a line from standard
input, calls the function with it, and writes what it returns as a line of JSON.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pkgutil import resolve_name
from typing import Any

from bench.service import Service

STOP_TIMEOUT = 10.0


class Leg:
    """The parent's end of the process."""

    def __init__(self, service: Service, function: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.leg", function],
            cwd=service.root,
            env=service.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read()  # it is set up

    def __call__(self, *arguments: object) -> Any:
        self.start(*arguments)
        return self.result()

    def start(self, *arguments: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(arguments) + "\n")
        self.process.stdin.flush()

    def result(self) -> Any:
        """Return what the call that was started returns. Raises RuntimeError when it failed."""
        return self._read()

    def _read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended with exit code {self.process.wait()}")
        return json.loads(line)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def legs(service: Service, *functions: str) -> Iterator[list[Leg]]:
    """Give a process for each function, ready to be called."""
    started: list[Leg] = []
    try:
        started += [Leg(service, function) for function in functions]
        yield started
    finally:
        for leg in started:
            leg.close()


def main(name: str) -> None:
    import django

    django.setup()
    function = resolve_name(f"bench.legs.{name}")
    print("true", flush=True)
    for line in sys.stdin:
        print(json.dumps(function(*json.loads(line))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
