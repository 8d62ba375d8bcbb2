"""Fixtures of the fault suite, and its summary."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.faults.stage import RECORD, Record, Servers, Stage

ROUNDS = int(os.environ.get("FAULTS_ROUNDS", "1"))
SECONDS_A_ROUND = 120


def rounds(short: int) -> range:
    """Return what to loop over for a class: `short` faults, and FAULTS_ROUNDS times that in the long form."""
    return range(short * ROUNDS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.timeout(60 + ROUNDS * SECONDS_A_ROUND))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Give the figures of this process to the one that reports, where pytest-xdist runs several."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["faults"] = asdict(RECORD)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if figures := getattr(node, "workeroutput", {}).get("faults"):
        RECORD.merge(Record(**figures))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if RECORD.faults:
        terminalreporter.section("faults")
        for line in RECORD.summary():
            terminalreporter.line(line)


@pytest.fixture(scope="package")
def servers() -> Iterator[Servers]:
    # A run in the background is told to stop with SIGTERM: it must clean up all the same.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = Servers()
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="package")
def standing(servers: Servers) -> Iterator[list[Stage]]:
    """The stage that tests use one after the other, or none: to set one up takes longer than most faults."""
    stages: list[Stage] = []
    yield stages
    for stage in stages:
        with closing(stage):
            stage.settle()


@pytest.fixture
def stage(servers: Servers, standing: list[Stage], request: pytest.FixtureRequest) -> Iterator[Stage]:
    """The service, running, with clients that publish. Mark a test with `stage_settings` for settings of its own."""
    marker = request.node.get_closest_marker("stage_settings")
    settings = marker.kwargs if marker else {}
    stage = standing.pop() if standing and not settings else Stage(servers, **settings)
    try:
        yield stage.open()
        if not stage.failed:
            stage.check()
            if settings:
                stage.settle()
            else:
                standing.append(stage)
    finally:
        for process in (stage.web, stage.consumer):
            sys.stdout.write(f"---- {process.arguments[-1]}\n{process.output()[-4000:]}\n")
        if stage not in standing:
            stage.close()
