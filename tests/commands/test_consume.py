"""`consume` as a process: it drains when told to stop, and says what is wrong in one line."""

import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import services
from tests.end_to_end.judge import count
from tests.factories import event
from tests.processes import Environment, environment, let_pass, manage, migrate, running, wait_for


@pytest.fixture
def service(tmp_path: Path) -> Environment:
    env = environment(DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}")
    migrate(env)
    return env


def publish(env: Environment, tmp_path: Path, events: int) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(event(at=n).encode() for n in range(events)))
    manage(env, "publish_events", str(file))


@pytest.mark.parametrize(("command", "number"), [("consume", signal.SIGTERM), ("consume_rabbitmq", signal.SIGINT)])
def test_a_signal_finishes_the_batch_in_hand(
    service: Environment, tmp_path: Path, command: str, number: signal.Signals
) -> None:
    publish(service, tmp_path, 3000)
    url = service["DATABASE_URL"]
    with running({**service, "CONSUMER_BATCH_SIZE": "100"}, command) as consumer:
        wait_for(lambda: count(url, "watchtime_event"), 30, "the first batch is counted")
        consumer.send_signal(number)
        assert consumer.wait(5) == 0
    counted = count(url, "watchtime_event")
    assert counted % 100 == 0
    assert counted + 100 * count(url, "broker_message") == 3000, "what was counted was acknowledged"


@pytest.mark.parametrize(("signals", "seconds"), [(1, 5), (2, 1)])
def test_a_database_that_does_not_answer_does_not_hold_it_up(
    service: Environment, tmp_path: Path, signals: int, seconds: float
) -> None:
    publish(service, tmp_path, 10)
    log = tmp_path / "log"
    patient = {**service, "PUBLISH_TIMEOUT": "60"}
    with (
        closing(sqlite3.connect(tmp_path / "db.sqlite3", isolation_level=None)) as other,
        log.open("w") as stderr,
        running(patient, "consume", stderr=stderr) as consumer,
    ):
        other.execute("BEGIN IMMEDIATE")
        wait_for(lambda: "consuming" in log.read_text(), 20, "it consumes")
        let_pass(0.5, "it runs into the lock, which nothing shows")
        for _ in range(signals):
            consumer.send_signal(signal.SIGTERM)
            let_pass(0.2, "signals that come at once count as one")
        assert consumer.wait(seconds) == 128 + signal.SIGTERM
    assert count(service["DATABASE_URL"], "broker_message") == 1


def test_work_is_logged_when_nobody_watches(service: Environment, tmp_path: Path) -> None:
    publish(service, tmp_path, 50)
    log = tmp_path / "log"
    with log.open("w") as stderr, running(service, "consume", stderr=stderr):
        wait_for(lambda: count(service["DATABASE_URL"], "watchtime_event") == 50, 30, "all is counted")
    assert re.search(r"folded 50 events \(\d+ a second\), 0 repeats, 0 dead letters", log.read_text())


def test_missing_migrations_are_one_line_and_cost_no_message(service: Environment, tmp_path: Path) -> None:
    publish(service, tmp_path, 10)
    manage(service, "migrate", "broker", "0002")
    done = manage(service, "consume", check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "run manage.py migrate; not applied: broker.0003" in done.stderr
    manage(service, "migrate")
    with running(service, "consume"):
        wait_for(lambda: count(service["DATABASE_URL"], "watchtime_event") == 10, 30, "all is counted")


def test_a_table_that_goes_holds_the_events_until_it_is_back(service: Environment, tmp_path: Path) -> None:
    log, database = tmp_path / "log", tmp_path / "db.sqlite3"
    with log.open("w") as stderr, running(service, "consume", stderr=stderr):
        wait_for(lambda: "consuming" in log.read_text(), 30, "it consumes")
        with closing(sqlite3.connect(database)) as other:
            other.execute("ALTER TABLE watchtime_event RENAME TO watchtime_event_away")
            publish(service, tmp_path, 30)
            wait_for(lambda: log.read_text().count("trying again") >= 3, 30, "it has tried three times")
            other.execute("ALTER TABLE watchtime_event_away RENAME TO watchtime_event")
        wait_for(lambda: count(service["DATABASE_URL"], "watchtime_event") == 30, 30, "all is counted")
    assert "OperationalError: no such table" in log.read_text()
    assert "dead letter" not in log.read_text().replace(" 0 dead letters", "")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"BROKER_URL": "redis://localhost"}, "BROKER_URL must start with"),
        ({"SECRET_KEY": ""}, "Set SECRET_KEY"),
        ({"CONSUMER_BATCH_SIZE": "many"}, "CONSUMER_BATCH_SIZE"),
        ({"CONSUMER_LINGER_MS": "-1"}, "CONSUMER_LINGER_MS"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
        ({"DATABASE_URL": "mysql://localhost/x"}, "DATABASE_URL"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL"),
    ],
)
def test_a_mistake_in_the_settings_is_one_line(service: Environment, settings: dict[str, str], message: str) -> None:
    done = manage({**service, **settings}, "consume", check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert re.search(message, done.stderr)


def test_a_wrong_password_is_one_line(service: Environment) -> None:
    services.require(services.rabbitmq_answers(), f"RabbitMQ at {services.RABBITMQ_URL}")
    parts = urlsplit(services.RABBITMQ_URL)
    wrong = parts._replace(netloc=f"guest:wrong@{parts.hostname}:{parts.port or 5672}").geturl()
    done = manage({**service, "BROKER_URL": wrong}, "consume", check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "RabbitMQ refuses the user" in done.stderr
