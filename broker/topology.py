"""The two queues as RabbitMQ keeps them: durable quorum queues, whose refused messages are kept."""

from typing import Any

# A killed consumer counts as a delivery of all that it held, so good messages must survive many
# of them; only one that kills its consumer every time reaches the limit.
DELIVERY_LIMIT = 100
DAY = 86_400_000  # milliseconds
UNLIMITED = 2**31 - 1  # 4.x limits the deliveries of every quorum queue; 3.x does not take its word for never


def topology(queue: str, dead_queue: str, max_length: int, dead_letter_days: int) -> dict[str, dict[str, Any]]:
    """Return both queues' arguments. At-least-once dead-lettering needs reject-publish.

    A full queue of dead letters drops its oldest: one that refused more would hold up the good events.

    https://www.rabbitmq.com/docs/quorum-queues#dead-lettering
    """
    quorum = {"x-queue-type": "quorum"}
    return {
        dead_queue: {
            **quorum,
            "x-overflow": "drop-head",
            "x-max-length": max_length,
            "x-message-ttl": dead_letter_days * DAY,
            "x-delivery-limit": UNLIMITED,
        },
        queue: {
            **quorum,
            "x-overflow": "reject-publish",
            "x-max-length": max_length,
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": dead_queue,
            "x-dead-letter-strategy": "at-least-once",
        },
    }
