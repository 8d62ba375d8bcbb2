"""Real input through real processes: published twice, consumer killed in the middle, totals as the file says."""

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import services
from tests.end_to_end.judge import count, query, times_of_file, times_of_tables, totals_of_file, totals_of_tables
from tests.processes import (
    Environment,
    environment,
    free_port,
    let_pass,
    manage,
    manage_all,
    migrate,
    migrated_database,
    running,
    wait_for,
)
from tests.queues import depths, handled

FILE = services.DATA / "watch-events.jsonl.gz"
STATEMENTS = services.DATA / "xapi-statements.json.gz"


class Part(NamedTuple):
    """The viewers whose names begin so, and how many lines and distinct events the file has of them."""

    viewers: str
    lines: int
    events: int


class Input(NamedTuple):
    """Files of events, and of the statements that these were made of."""

    events: Path
    statements: Path
    part: Part


SOME = pytest.param(Part("0123", 9_214, 1_990), id="some")
ALL = Part("0123456789abcdef", 57_358, 10_477)


@pytest.fixture(scope="module")
def given(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Input:
    for file in (FILE, STATEMENTS):
        services.require(file.exists(), f"the real input {file.name}")
    directory, part = tmp_path_factory.mktemp("real"), request.param
    events, statements = directory / FILE.name, directory / STATEMENTS.name
    copy(FILE, events, lambda event: event["user"][0] in part.viewers)
    copy(STATEMENTS, statements, lambda statement: statement["actor"]["account"]["name"][0] in part.viewers)
    return Input(events, statements, part)


def copy(source: Path, target: Path, is_wanted: Callable[[Any], bool]) -> None:
    """Copy the lines with an object that is wanted."""
    with gzip.open(source) as lines, gzip.open(target, "wb", compresslevel=1) as copied:
        copied.writelines(line for line in lines if is_wanted(json.loads(line)))


@pytest.fixture(params=["sqlite-embedded", "postgresql-rabbitmq"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Environment]:
    with ExitStack() as stack:
        if request.param == "sqlite-embedded":
            env = environment(DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}", BROKER_QUEUE="real.events")
            migrate(env)
        else:
            env = environment(
                DATABASE_URL=stack.enter_context(migrated_database()),
                BROKER_URL=services.RABBITMQ_URL,
                BROKER_QUEUE=stack.enter_context(services.own_queue()),
            )
        yield {**env, "CONSUMER_PORT": str(free_port())}


def waiting(env: Environment) -> int:
    """Return how many messages wait: in the table with those that a consumer holds, in RabbitMQ without them."""
    if env["BROKER_URL"] == "database://":
        return count(env["DATABASE_URL"], "broker_message")
    return depths(env["BROKER_QUEUE"])[0]


def is_done(env: Environment) -> bool:
    """Say whether the consumer seems to have nothing left to do."""
    before = handled(env["CONSUMER_PORT"])
    let_pass(0.5, "a consumer that still holds messages folds some of them")
    return waiting(env) == 0 and handled(env["CONSUMER_PORT"]) == before


def consume_all(env: Environment) -> None:
    """Consume until the queue is empty and nothing comes back when the consumer has gone."""
    while waiting(env):
        with running(env, "consume"):
            wait_for(lambda: is_done(env), 90, "the queue is empty")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("given", [SOME, pytest.param(ALL, id="all", marks=pytest.mark.long)], indirect=True)
def test_totals_are_what_the_file_says_whatever_happens(given: Input, service: Environment) -> None:
    url, (_, lines, events) = service["DATABASE_URL"], given.part
    assert f"Published {lines} events." in manage(service, "publish_events", str(given.events)).stdout

    with running({**service, "CONSUMER_BATCH_SIZE": "5"}, "consume") as consumer:
        wait_for(lambda: count(url, "watchtime_event") > events / 10, 60, "the first events are counted")
        consumer.kill()
        consumer.wait()
    assert events / 10 < count(url, "watchtime_event") < events, "it was killed in the middle"
    assert "agrees" in manage(service, "verify_totals").stdout

    expected = totals_of_file(given.events)
    assert expected["events"]["count"] == events
    consume_all(service)
    assert totals_of_tables(url) == expected

    manage(service, "publish_events", str(given.events))
    consume_all(service)
    assert totals_of_tables(url) == expected
    (agrees,) = manage_all(service, ["verify_totals"], ["dead_letters", "list"]).stdout.splitlines()
    assert "agrees" in agrees


@pytest.mark.timeout(300)
@pytest.mark.parametrize("given", [pytest.param(ALL, id="all")], indirect=True)
def test_statements_give_the_same_events_as_the_file_made_of_them(given: Input, service: Environment) -> None:
    url, events = service["DATABASE_URL"], given.part.events
    assert f"{events} published" in manage(service, "import_history", "xapi", str(given.statements)).stdout
    consume_all(service)
    assert totals_of_tables(url) == totals_of_file(given.events)
    assert times_of_tables(url) == times_of_file(given.events)
    assert count(url, "watchtime_movie") == len(query(url, "SELECT id FROM watchtime_movie WHERE title <> ''"))

    again = (["import_history", "xapi", str(given.statements)], ["import_history", "jsonl", str(given.events)])
    assert manage_all(service, *again).stdout.count(f" 0 published, {events} already known") == 2
    assert waiting(service) == 0
