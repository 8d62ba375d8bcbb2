"""Real input through real processes: published twice, consumer killed in the middle, totals as the file says."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import services
from tests.end_to_end.judge import count, query, times_of_file, times_of_tables, totals_of_file, totals_of_tables
from tests.processes import Environment, environment, manage, running, wait_for

FILE = services.DATA / "watch-events.jsonl.gz"
STATEMENTS = services.DATA / "xapi-statements.json.gz"
LINES, EVENTS = 57_358, 10_477


@pytest.fixture(params=["sqlite-embedded", "postgresql-rabbitmq"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Environment]:
    services.require(FILE.exists(), f"the real input {FILE.name}")
    with ExitStack() as stack:
        if request.param == "sqlite-embedded":
            database, broker, queue = f"sqlite:///{tmp_path / 'db.sqlite3'}", "database://", "real.events"
        else:
            database, broker = stack.enter_context(services.own_database()), services.RABBITMQ_URL
            queue = stack.enter_context(services.own_queue())
        env = environment(DATABASE_URL=database, BROKER_URL=broker, BROKER_QUEUE=queue)
        manage(env, "migrate")
        yield env


def waiting_in(env: Environment) -> Callable[[], int]:
    """Return a function that tells how many messages wait in the queue."""

    def in_table() -> int:
        return count(env["DATABASE_URL"], "broker_message")

    def in_rabbitmq() -> int:
        """Those that wait, which AMQP tells at once, and those that a consumer holds, which rabbitmqctl tells later."""
        with services.raw_channel() as channel:
            waiting = int(channel.queue_declare(env["BROKER_QUEUE"], passive=True).method.message_count)
        list_queues = ["rabbitmqctl", "-q", "list_queues", "name", "messages"]
        listed = subprocess.run(list_queues, check=True, capture_output=True, text=True).stdout.splitlines()
        return max(waiting, int(dict(line.split("\t") for line in listed)[env["BROKER_QUEUE"]]))

    return in_table if env["BROKER_URL"] == "database://" else in_rabbitmq


def consume_all(env: Environment, waiting: Callable[[], int]) -> None:
    """Consume until the queue is empty and nothing comes back when the consumer has gone."""
    while waiting():
        with running(env, "consume"):
            wait_for(lambda: waiting() == 0, 90, "the queue is empty")


@pytest.mark.timeout(300)
def test_totals_are_what_the_file_says_whatever_happens(service: Environment) -> None:
    url, waiting = service["DATABASE_URL"], waiting_in(service)
    assert f"Published {LINES} events." in manage(service, "publish_events", str(FILE)).stdout

    with running({**service, "CONSUMER_BATCH_SIZE": "200"}, "consume") as consumer:
        wait_for(lambda: count(url, "watchtime_event") > 1000, 60, "the first events are counted")
        consumer.kill()
        consumer.wait()
    assert 1000 < count(url, "watchtime_event") < EVENTS, "it was killed in the middle"
    assert "agrees" in manage(service, "verify_totals").stdout

    expected = totals_of_file(FILE)
    assert expected["events"]["count"] == EVENTS
    consume_all(service, waiting)
    assert totals_of_tables(url) == expected

    manage(service, "publish_events", str(FILE))
    consume_all(service, waiting)
    assert totals_of_tables(url) == expected
    assert "agrees" in manage(service, "verify_totals").stdout
    assert manage(service, "dead_letters", "list").stdout == ""


@pytest.mark.timeout(300)
def test_statements_give_the_same_events_as_the_file_made_of_them(service: Environment) -> None:
    services.require(STATEMENTS.exists(), f"the real input {STATEMENTS.name}")
    url, waiting = service["DATABASE_URL"], waiting_in(service)
    assert f"{EVENTS} published" in manage(service, "import_history", "xapi", str(STATEMENTS)).stdout
    consume_all(service, waiting)
    assert totals_of_tables(url) == totals_of_file(FILE)
    assert times_of_tables(url) == times_of_file(FILE)
    assert count(url, "watchtime_movie") == len(query(url, "SELECT id FROM watchtime_movie WHERE title <> ''"))

    for name, file in (("xapi", STATEMENTS), ("jsonl", FILE)):
        summary = manage(service, "import_history", name, str(file)).stdout
        assert f" 0 published, {EVENTS} already known" in summary
    assert waiting() == 0
