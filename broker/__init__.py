"""Bytes in, bytes out: durable queues behind one interface. Knows nothing of what the bytes mean."""

import threading
from functools import cache
from urllib.parse import urlsplit

from django.conf import settings

from broker.base import Broker
from broker.delivery import DeadLetter, Delivery, Depths, Rejection, Subscription
from broker.errors import BrokerError, BrokerMisconfigured, BrokerUnavailable, ConsumerFailed, TryAgain, describe

__all__ = [
    "Broker",
    "BrokerError",
    "BrokerMisconfigured",
    "BrokerUnavailable",
    "ConsumerFailed",
    "DeadLetter",
    "Delivery",
    "Depths",
    "Rejection",
    "Subscription",
    "TryAgain",
    "default_broker",
    "describe",
    "open_broker",
]


def open_broker(url: str, queue: str) -> Broker:
    """Return the broker that `url` names: `database://`, or `amqp://` and `amqps://` for RabbitMQ.

    Raises BrokerMisconfigured when it names none. Connects when first used.
    """
    scheme = urlsplit(url).scheme
    if scheme == "database":
        from broker.database import DatabaseBroker

        return DatabaseBroker(queue)
    if scheme in {"amqp", "amqps"}:
        from broker.client import RabbitMQClient

        return RabbitMQClient(
            url, queue, publish_timeout=settings.PUBLISH_TIMEOUT, max_length=settings.BROKER_MAX_LENGTH
        )
    raise BrokerMisconfigured(f"BROKER_URL must start with database://, amqp:// or amqps://, not {scheme or 'nothing'}")


def default_broker() -> Broker:
    """Return the process's one broker, as BROKER_URL and BROKER_QUEUE say.

    Raises BrokerMisconfigured when BROKER_URL names none.
    """
    with _one_at_a_time:  # else two first callers would each open a connection, and one of them leak
        return _shared_broker(settings.BROKER_URL, settings.BROKER_QUEUE)


_one_at_a_time = threading.Lock()
_shared_broker = cache(open_broker)
