"""The embedded queue's one table."""

from datetime import datetime
from typing import ClassVar, Self

from django.db import models
from django.db.models import Index, Q


class MessageQuerySet(models.QuerySet["Message"]):
    """The states of a message, as queries. Each of the first two has an index of its own."""

    def fresh(self) -> Self:
        """Messages that are handed out to nobody, oldest first."""
        return self.filter(leased_until=None).order_by("id")

    def leased(self) -> Self:
        """Messages that were handed out, oldest first."""
        return self.filter(leased_until__isnull=False).order_by("id")

    def expired(self, now: datetime) -> Self:
        """Messages whose consumer let the lease run out, oldest first."""
        return self.leased().filter(leased_until__lte=now)

    def ready(self, now: datetime) -> Self:
        """Messages that nobody holds, oldest first: never handed out, or with a lease that has run out."""
        return self.filter(Q(leased_until=None) | Q(leased_until__lte=now)).order_by("id")


class Message(models.Model):
    """A message that waits in a queue, or is leased to a consumer until it is acknowledged."""

    queue = models.CharField(max_length=255)
    body = models.BinaryField()
    headers = models.JSONField(null=True, help_text="What its publisher gave with it, such as the request's id.")
    sent_at = models.DateTimeField(help_text="When it was first published.")
    leased_until = models.DateTimeField(null=True, help_text="When it is delivered again, unless acknowledged before.")
    deliveries = models.IntegerField(default=0, help_text="How often it was handed to a consumer.")
    reason = models.TextField(blank=True, help_text="Why it was refused, in a queue of dead letters.")
    refused_at = models.DateTimeField(null=True, help_text="When it became a dead letter.")

    objects = MessageQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            Index(fields=["queue", "id"], condition=Q(leased_until=None), name="broker_message_fresh"),
            Index(fields=["queue", "id"], condition=Q(leased_until__isnull=False), name="broker_message_leased"),
        ]

    def __str__(self) -> str:
        return f"message {self.pk} of {self.queue}"
