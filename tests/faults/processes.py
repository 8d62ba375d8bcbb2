"""The service's processes: started as an operator starts them, and ended as nobody should."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests import processes
from tests.services import ROOT


class Process:
    """One process of the service with its children, its output in a file."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> None:
        self.arguments = [sys.executable, *arguments]
        self._environment = processes.environment(**environment)
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> "Process":
        """Start it, if need be with other arguments than usual."""
        assert not self.is_running, f"{self.arguments} runs already"
        command = [sys.executable, *arguments] if arguments else self.arguments
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdout=output, stderr=output, start_new_session=True
            )
        return self

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def children(self) -> list[int]:
        """Return the workers; multiprocessing's resource tracker is none."""
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in listed if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]

    def signal(self, number: signal.Signals) -> None:
        os.killpg(self.pid, number)

    def wait(self, seconds: float) -> int:
        """Return the exit code. Raises subprocess.TimeoutExpired."""
        assert self._process is not None
        return self._process.wait(seconds)

    def kill(self) -> None:
        """End it and its children at once."""
        if self._process is not None:
            with suppress(ProcessLookupError):  # the whole group is gone already
                self.signal(signal.SIGKILL)
            self._process.wait()

    def output(self) -> str:
        return self._output.read_text(errors="replace") if self._output.exists() else ""
