"""The consumer dies, stops and hangs: at random, and at the points where it hurts."""

import random
import signal

import pytest

from tests.faults.conftest import rounds
from tests.faults.runner import POINTS
from tests.faults.stage import Stage
from tests.processes import let_pass, wait_for


def test_consumer_killed_at_random(stage: Stage) -> None:
    for _ in rounds(3):
        with stage.assert_survives("consumer killed at random"):
            let_pass(random.uniform(0, 0.5), "the fault comes at a random moment")
            stage.consumer.kill()
            stage.consumer.start()


@pytest.mark.parametrize("point", POINTS)
def test_consumer_killed_at_a_point(stage: Stage, point: str) -> None:
    for _ in rounds(1):
        with stage.assert_survives(f"consumer killed: {point}"):
            stage.drain()
            stage.consumer.start("-m", "tests.faults.runner", point, str(random.randint(1, 3)))
            wait_for(lambda: not stage.consumer.is_running, 15, f"the consumer gets to {point!r}")
            assert stage.consumer.wait(1) == -signal.SIGKILL, stage.consumer.output()[-2000:]
            stage.consumer.start()
