"""The consumer dies, stops and hangs: at random, and at the points where it hurts."""

import random
import signal
import time

import pytest

from tests.faults.conftest import rounds
from tests.faults.nodes import wait_for
from tests.faults.runner import POINTS
from tests.faults.stage import Stage


def test_consumer_killed_at_random(stage: Stage) -> None:
    for _ in rounds(3):
        with stage.fault("consumer killed at random"):
            time.sleep(random.uniform(0, 0.5))
            stage.consumer.kill()
            stage.consumer.start()


@pytest.mark.parametrize("point", POINTS)
def test_consumer_killed_at_a_point(stage: Stage, point: str) -> None:
    for _ in rounds(1):
        with stage.fault(f"consumer killed: {point}"):
            stage.drain()
            stage.consumer.start("-m", "tests.faults.runner", point, str(random.randint(1, 3)))
            wait_for(lambda: not stage.consumer.is_running, f"the consumer gets to {point!r}", 15)
            assert stage.consumer.wait(1) == -signal.SIGKILL, stage.consumer.output()[-2000:]
            stage.consumer.start()
