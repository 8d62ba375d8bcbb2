"""The short form of `python -m bench soak`: a consumer that deadlocks, or a total that is wrong, would be an error."""

import re
import subprocess
import sys

import pytest

from tests import services
from tests.processes import environment

SECONDS = 20


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_four_consumers_and_two_web_processes_count_exactly() -> None:
    services.require(services.postgresql_answers(), f"PostgreSQL at {services.POSTGRESQL_URL}")
    services.require(services.rabbitmq_answers(), f"RabbitMQ at {services.RABBITMQ_URL}")
    done = subprocess.run(
        [sys.executable, "-m", "bench", "soak", "--minutes", str(SECONDS / 60)],
        cwd=services.ROOT,
        env=environment(TEST_POSTGRESQL_URL=services.POSTGRESQL_URL, TEST_RABBITMQ_URL=services.RABBITMQ_URL),
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    found = re.search(r"4 consumers, 2 web processes.* ([\d,]+) events", done.stdout)
    assert found, done.stdout
    assert int(found[1].replace(",", "")) == 1_000 * SECONDS
    assert re.search(r"deadlocks, .*\d+; 0; 0", done.stdout)
