"""Bytes in, bytes out: durable queues behind one interface. Knows no event, and imports nothing of the project."""

import os
import threading
from functools import cache
from urllib.parse import urlsplit

from django.conf import settings

from broker.base import Broker
from broker.consumer import pauses
from broker.delivery import MAX_PREFETCH, DeadLetter, Delivery, Depths, Rejection, Subscription
from broker.errors import BrokerError, BrokerMisconfigured, BrokerUnavailable, NothingStored, TryAgain, describe

__all__ = [
    "MAX_PREFETCH",
    "Broker",
    "BrokerError",
    "BrokerMisconfigured",
    "BrokerUnavailable",
    "DeadLetter",
    "Delivery",
    "Depths",
    "NothingStored",
    "Rejection",
    "Subscription",
    "TryAgain",
    "default_broker",
    "describe",
    "open_broker",
    "pauses",
]


def open_broker(url: str, queue: str) -> Broker:
    """Return the broker that `url` names: `database://`, or `amqp://` and `amqps://` for RabbitMQ.

    Raises BrokerMisconfigured when it names none. Connects when first used.
    """
    scheme = urlsplit(url).scheme
    if scheme == "database":
        from broker.database import LEASE_MARGIN, DatabaseBroker

        return DatabaseBroker(
            queue,
            publish_timeout=settings.PUBLISH_TIMEOUT,
            max_length=settings.BROKER_MAX_LENGTH,
            dead_letter_days=settings.DEAD_LETTER_DAYS,
            lease=settings.DATABASE_TIMEOUT + LEASE_MARGIN,
        )
    if scheme in {"amqp", "amqps"}:
        from broker.rabbitmq import RabbitMQClient

        return RabbitMQClient(
            url,
            queue,
            publish_timeout=settings.PUBLISH_TIMEOUT,
            max_length=settings.BROKER_MAX_LENGTH,
            dead_letter_days=settings.DEAD_LETTER_DAYS,
        )
    raise BrokerMisconfigured(f"BROKER_URL must start with database://, amqp:// or amqps://, not {scheme or 'nothing'}")


def default_broker() -> Broker:
    """Return the process's one broker, as BROKER_URL and BROKER_QUEUE say.

    Raises BrokerMisconfigured when BROKER_URL names none.
    """
    with _one_at_a_time:  # else two first callers would each open a connection, and one of them leak
        return _shared_broker(settings.BROKER_URL, settings.BROKER_QUEUE)


def _after_fork() -> None:
    global _one_at_a_time
    _one_at_a_time = threading.Lock()  # the parent's may be held by a thread that is not here


_one_at_a_time = threading.Lock()
os.register_at_fork(after_in_child=_after_fork)
_shared_broker = cache(open_broker)
