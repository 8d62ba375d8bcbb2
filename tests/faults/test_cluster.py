"""A RabbitMQ cluster of three nodes loses one of them."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.conftest import rounds
from tests.faults.nodes import RabbitNode
from tests.faults.stage import Servers, Stage
from tests.processes import let_pass

SETTLED = 6.0  # as in test_servers


@pytest.fixture
def cluster(servers: Servers) -> Iterator[list[RabbitNode]]:
    names = ["one", "two", "three"]
    nodes = [RabbitNode(name, servers.home, servers.epmd, peers=names) for name in names]
    with ExitStack() as stack:
        for node in nodes:
            stack.callback(node.kill)
        nodes[0].start()
        nodes[0].wait_ready()  # the others join it
        for node in nodes[1:]:
            node.start()
        for node in nodes[1:]:
            node.wait_ready()
        yield nodes


def test_a_node_of_three_killed(servers: Servers, cluster: list[RabbitNode]) -> None:
    url = ",".join(node.url for node in cluster)
    stage = Stage(servers, nodes=cluster, BROKER_URL=url)
    try:
        stage.open()
        for number in rounds(1):
            node = cluster[number % len(cluster)]
            let_pass(SETTLED, "the leader is written down")
            with stage.assert_survives("one node of three killed"):
                node.kill()
            node.start()
            node.wait_ready()
        stage.settle()
    finally:
        stage.close()
