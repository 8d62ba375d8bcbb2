"""Publishing: as the service does it, and one confirm at a time."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pika
from django.conf import settings

from bench.traffic import messages
from broker import default_broker

BATCH = 1000
OF_A_MESSAGE = 100
PERSISTENT = pika.BasicProperties(delivery_mode=2)


def fill(count: int) -> float:
    """Publish in batches; return how many a second."""
    waiting = messages(count)
    begin = time.monotonic()
    while batch := list(itertools.islice(waiting, BATCH)):
        default_broker().publish(batch)
    return count / (time.monotonic() - begin)


def fill_in_hundreds(count: int) -> float:
    """Publish messages of a hundred events each, ten at once; return how many events a second."""
    waiting = messages(count)
    begin = time.monotonic()
    while batch := list(itertools.islice(waiting, BATCH)):
        parts = (batch[start : start + OF_A_MESSAGE] for start in range(0, len(batch), OF_A_MESSAGE))
        default_broker().publish([b"[" + b",".join(part) + b"]" for part in parts])
    return count / (time.monotonic() - begin)


def from_threads(threads: int, seconds: float) -> float:
    """Return how many single messages a second that many threads publish, each waiting for its confirm."""
    prepared = list(messages(BATCH))
    counts = itertools.count()
    broker = default_broker()
    broker.publish(prepared[:1])  # it is connected
    stop = threading.Event()

    def work(_number: int) -> None:
        while not stop.is_set():
            broker.publish([prepared[next(counts) % BATCH]])

    with ThreadPoolExecutor(threads) as pool:
        begin = time.monotonic()
        running = [pool.submit(work, number) for number in range(threads)]
        stop.wait(seconds)
        stop.set()
    elapsed = time.monotonic() - begin
    for publisher in running:
        publisher.result()
    return next(counts) / elapsed


def one_confirm_at_a_time(seconds: float) -> float:
    """Return how many messages a second plain pika publishes, waiting for each confirm before the next message."""
    prepared = itertools.cycle(messages(BATCH))
    with pika.BlockingConnection(pika.URLParameters(settings.BROKER_URL)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        count, begin = 0, time.monotonic()
        while time.monotonic() < begin + seconds:
            channel.basic_publish("", settings.BROKER_QUEUE, next(prepared), PERSISTENT, mandatory=True)
            count += 1
        return count / (time.monotonic() - begin)
