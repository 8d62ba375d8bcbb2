"""What networks do to the connections between the service and its servers."""

import random

import pytest

from tests.faults.conftest import rounds
from tests.faults.stage import RECOVERY, Stage
from tests.processes import let_pass, wait_for

PATHS = {
    "web server and RabbitMQ": lambda stage: stage.web_broker,
    "consumer and RabbitMQ": lambda stage: stage.consumer_broker,
    "consumer and PostgreSQL": lambda stage: stage.consumer_database,
}
on_each_path = pytest.mark.parametrize("path", PATHS)


def a_while(at_most: float) -> None:
    """Let the fault last for a time that no test knows: the sooner it ends, the less was noticed."""
    let_pass(random.uniform(0, at_most), "the fault lasts")


@on_each_path
def test_cut(stage: Stage, path: str) -> None:
    proxy = PATHS[path](stage)
    for _ in rounds(8):
        with stage.assert_survives(f"cut: {path}"):
            a_while(0.3)
            proxy.cut()


@on_each_path
def test_cut_mid_frame(stage: Stage, path: str) -> None:
    proxy = PATHS[path](stage)
    for round_number in rounds(8):
        with stage.assert_survives(f"cut mid-frame: {path}"):
            a_while(0.2)
            proxy.cut_mid_frame(up=round_number % 2 == 0)
            a_while(0.5)


@on_each_path
def test_refused_for_a_while(stage: Stage, path: str) -> None:
    proxy = PATHS[path](stage)
    for _ in rounds(1):
        with stage.assert_survives(f"refused: {path}"):
            proxy.refuse()
            a_while(3)
            proxy.heal()


@on_each_path
def test_blackholed_for_a_while(stage: Stage, path: str) -> None:
    """Nothing arrives and nothing fails: only a deadline tells."""
    proxy = PATHS[path](stage)
    for _ in rounds(1):
        with stage.assert_survives(f"blackhole: {path}"):
            proxy.blackhole()
            a_while(8)
            proxy.heal()


@on_each_path
def test_half_open(stage: Stage, path: str) -> None:
    """The server has closed the connection, and the client is never told. Nobody heals it."""
    proxy = PATHS[path](stage)
    for _ in rounds(1):
        with stage.assert_survives(f"half-open: {path}"):
            proxy.half_open()


@on_each_path
def test_forgotten(stage: Stage, path: str) -> None:
    """A firewall has forgotten the connection: both ends keep it, and hold what is theirs. Nobody heals it."""
    proxy = PATHS[path](stage)
    for _ in rounds(1):
        with stage.assert_survives(f"forgotten: {path}"):
            proxy.forget()


def test_confirms_lost(stage: Stage) -> None:
    """Messages arrive and their confirms do not: the clients publish them again with the same ids."""
    for _ in rounds(1):
        with stage.assert_survives("confirms lost"):
            stage.web_broker.lose_answers()
            a_while(7)
            stage.web_broker.heal()


def test_acknowledgements_lost(stage: Stage) -> None:
    """The consumer's acknowledgements vanish with its connection: all that it folded comes again."""
    for _ in rounds(1):
        with stage.assert_survives("acknowledgements lost"):
            stage.consumer_broker.forget()
            a_while(2)
            stage.consumer_broker.heal()


def test_web_server_forgotten_by_postgresql(stage: Stage) -> None:
    """Reads on connections that nobody answers end in a 503, and the next ones go over new ones."""
    stage.read_total()
    for _ in rounds(1):
        with stage.assert_survives("forgotten: web server and PostgreSQL"):
            stage.web_database.forget()
            wait_for(lambda: stage.read_total() == 200, RECOVERY, "a total can be read")
