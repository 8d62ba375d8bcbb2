"""Queues: what the tests put into one without a command's process, what it holds, and what a consumer took from it."""

import re
from collections.abc import Sequence
from contextlib import closing

import httpx

from broker import Broker, open_broker
from tests import services
from watchtime.events import WatchEvent

AT_ONCE = 500  # messages, which a busy machine publishes before the deadline, too


def publish(queue: str, events: Sequence[WatchEvent]) -> None:
    """Publish each event as a message of its own, as the service's client does it."""
    with closing(open_broker(services.RABBITMQ_URL, queue)) as broker:
        for start in range(0, len(events), AT_ONCE):
            broker.publish([event.encode() for event in events[start : start + AT_ONCE]])


def put_dead_letters(broker: Broker, count: int) -> None:
    """Have a message refused so many times."""
    broker.publish([b"1"])
    with closing(broker.subscribe(broker.queue, 1)) as subscription:
        (held,) = subscription.receive(1, 5)
        subscription.dead_letter([held.rejected("bad") for _ in range(count)])
        subscription.acknowledge([held])


def depths(queue: str) -> tuple[int, int]:
    """Return how many messages wait for a consumer, and how many are in the queue of the dead letters."""
    with services.raw_channel() as channel:
        waiting, dead = (
            channel.queue_declare(name, passive=True).method.message_count
            for name in (queue, queue.replace(".events", ".dead"))
        )
    return waiting, dead


def handled(port: str) -> int:
    """Return how many events the consumer with this CONSUMER_PORT has counted, known or refused."""
    try:
        metrics = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5, verify=False).text
    except httpx.TransportError:  # it does not listen yet
        return 0
    counts = re.findall(r"^watchtime_(?:events_folded|events_repeated|dead_letters)_total\S* (\S+)$", metrics, re.M)
    return sum(int(float(count)) for count in counts)
