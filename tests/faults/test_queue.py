"""The broker runs, but its queue is full, gone, blocked, or slow to be emptied; or the queue is our own table."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pika
import psycopg
import pytest

from tests.faults.conftest import rounds
from tests.faults.proxy import Proxy
from tests.faults.stage import Stage
from tests.processes import let_pass, wait_for

CONSUMER_TIMEOUT = 2.0
KILLS = 60
WINDOW = 4000  # what our consumer prefetches


def await_refusal(stage: Stage, seconds: float = 10) -> None:
    """Return once a client was refused."""
    before = stage.refused()
    wait_for(lambda: stage.refused() > before, seconds, "a client is refused")


def test_memory_alarm(stage: Stage) -> None:
    """RabbitMQ reads no more from who publishes: clients are told to come again, at once and not after a timeout."""
    for _ in rounds(1):
        with stage.assert_survives("memory alarm"):
            stage.servers.node.ctl("set_vm_memory_high_watermark", "absolute", "1MB")
            try:
                await_refusal(stage)
                let_pass(2, "the alarm goes on; it is known by now")
                assert stage.time_of_one_refusal() < 1
            finally:
                stage.servers.node.ctl("set_vm_memory_high_watermark", "absolute", "8GB")


def test_queue_deleted_under_the_web_server(stage: Stage) -> None:
    """What is published next fits no queue: it is refused, and the next publish declares the queue again."""
    for _ in rounds(1):
        with stage.assert_survives("queue deleted under the web server"):
            stage.pause_clients()
            stage.drain()
            with stage.channel() as channel:
                channel.queue_delete(stage.queue)
            stage.resume_clients()
            await_refusal(stage)
            stage.consumer.start()


def test_queue_deleted_under_the_consumer(stage: Stage) -> None:
    for _ in rounds(1):
        with stage.assert_survives("queue deleted under the consumer"):
            stage.pause_clients()
            with stage.channel() as channel:
                channel.queue_delete(stage.queue)
            stage.resume_clients()


@pytest.mark.stage_settings(BROKER_MAX_LENGTH="30")
def test_queue_full(stage: Stage) -> None:
    for _ in rounds(1):
        with stage.assert_survives("queue full"):
            stage.drain()
            await_refusal(stage)
            stage.consumer.start()


@contextmanager
def consumer_timeout(stage: Stage, seconds: float) -> Iterator[None]:
    """Let RabbitMQ close the channel of a consumer that does not acknowledge for so long."""
    evaluate = "application:set_env(rabbit, consumer_timeout, {})."
    stage.servers.node.ctl("eval", evaluate.format(int(1000 * seconds)))
    try:
        stage.drain()
        stage.consumer.start()
        yield
    finally:
        stage.servers.node.ctl("eval", evaluate.format(1_800_000))
        stage.drain()
        stage.consumer.start()


def test_consumer_stopped_past_the_consumer_timeout(stage: Stage) -> None:
    with consumer_timeout(stage, CONSUMER_TIMEOUT):
        for _ in rounds(1):
            with stage.assert_survives("consumer stopped past the consumer timeout"):
                stage.consumer.signal(signal.SIGSTOP)
                let_pass(2 * CONSUMER_TIMEOUT, "RabbitMQ gives the consumer up")
                stage.consumer.signal(signal.SIGCONT)


def test_fold_slower_than_the_consumer_timeout(stage: Stage) -> None:
    """The batch is committed, but its tags are void by then: it comes again, and counts once."""
    with consumer_timeout(stage, CONSUMER_TIMEOUT):
        for _ in rounds(1):
            with (
                stage.assert_survives("fold slower than the consumer timeout"),
                psycopg.connect(stage.database_url) as database,
            ):
                database.execute("LOCK TABLE watchtime_watchtime IN EXCLUSIVE MODE")
                let_pass(2 * CONSUMER_TIMEOUT, "the fold takes so long")


def test_killed_again_and_again_over_the_same_messages(stage: Stage) -> None:
    """Good messages survive many killed consumers; only far more than these make RabbitMQ give one up."""
    for _ in rounds(1):
        with stage.assert_survives(f"{KILLS} kills over one prefetch window"):
            stage.drain()
            let_pass(0.5, "messages come in")
            for _ in range(KILLS):
                receive_and_die(stage)
            stage.consumer.start()


def receive_and_die(stage: Stage) -> None:
    """Take a window of messages as the consumer does, and lose the connection."""
    proxy = Proxy(stage.servers.node.port)
    try:
        connection = pika.BlockingConnection(pika.URLParameters(f"amqp://guest:guest@127.0.0.1:{proxy.port}/"))
        channel = connection.channel()
        channel.basic_qos(prefetch_count=WINDOW)
        next(channel.consume(stage.queue, inactivity_timeout=5))
        proxy.close()
        with suppress(pika.exceptions.AMQPError):
            connection.close()
    finally:
        proxy.close()


@pytest.mark.stage_settings(BROKER_URL="database://")
def test_embedded_queue(stage: Stage) -> None:
    """The queue is a table: what a killed consumer held is leased to the next when its time is over."""
    for _ in rounds(1):
        with stage.assert_survives("embedded queue: consumer killed"):
            stage.consumer.kill()
            stage.consumer.start()
        with stage.assert_survives("embedded queue: PostgreSQL stopped"):
            stage.servers.cluster.stop_immediately()
            let_pass(1, "PostgreSQL is down")
            stage.servers.cluster.start()
        with stage.assert_survives("embedded queue: consumer's connection forgotten"):
            stage.consumer_database.forget()
        with stage.assert_survives("embedded queue: web server's connections forgotten"):
            stage.web_database.forget()
