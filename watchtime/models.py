"""Viewers, movies, what each viewer watched of each movie, and the ledger it all derives from."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import models
from django.db.models import CheckConstraint, F, Index, Q, UniqueConstraint

MAX_SECONDS = 2**63 - 1  # what a signed 64-bit column holds
MAX_MOMENT = 86_400  # a movie's last possible moment: one day, in seconds
MAX_USERNAME_LENGTH = 100
MAX_SLUG_LENGTH = 50


def seconds_check(field: str, name: str) -> CheckConstraint:
    """Keep `field` a non-negative 64-bit integer.

    The upper bound matters on SQLite, where an overflowing sum becomes a float.
    """
    return CheckConstraint(condition=Q(**{f"{field}__gte": 0, f"{field}__lte": MAX_SECONDS}), name=name)


class FoldedTotal(models.Model):
    """Keeps `save` off the total of a stored row: it would set back what the fold added since that was read."""

    class Meta:
        abstract = True

    def save(self, **options: Any) -> None:
        if not self._state.adding and options.get("update_fields") is None:
            names = {field.name for field in self._meta.concrete_fields if not field.primary_key}
            options["update_fields"] = names - self.get_deferred_fields() - {"total_watch_time"}
        super().save(**options)


class CustomUser(FoldedTotal, AbstractUser):  # noqa: DJ008 (AbstractUser has it)
    """A viewer; also Django's user. One first seen in an event cannot log in."""

    username = models.CharField(
        max_length=MAX_USERNAME_LENGTH,
        unique=True,
        validators=[UnicodeUsernameValidator()],
        error_messages={"unique": "A user with that username already exists."},
    )
    total_watch_time = models.BigIntegerField(default=0, editable=False, help_text="Seconds watched, of all movies.")

    class Meta(AbstractUser.Meta):
        constraints: ClassVar = [seconds_check("total_watch_time", "user_total_watch_time")]
        indexes: ClassVar = [
            Index(F("total_watch_time").desc(), F("id").desc(), name="user_top"),
            # For the admin: the few who work here among the many who watch.
            Index(fields=["id"], condition=Q(is_staff=True), name="user_staff"),
        ]


class Movie(FoldedTotal):
    """A movie, known by its slug. One first seen in an event has no title yet."""

    title = models.CharField(max_length=200, blank=True)
    slug = models.SlugField(max_length=MAX_SLUG_LENGTH, unique=True)
    total_watch_time = models.BigIntegerField(default=0, editable=False, help_text="Seconds watched, by all viewers.")

    class Meta:
        constraints: ClassVar = [seconds_check("total_watch_time", "movie_total_watch_time")]
        indexes: ClassVar = [Index(F("total_watch_time").desc(), F("id").desc(), name="movie_top")]

    def __str__(self) -> str:
        return self.title or self.slug


class WatchTime(models.Model):
    """What one viewer watched of one movie, in seconds."""

    user = models.ForeignKey(CustomUser, on_delete=models.PROTECT, related_name="watch_times", db_index=False)
    movie = models.ForeignKey(Movie, on_delete=models.PROTECT, related_name="watch_times", db_index=False)
    last_moment = models.IntegerField(help_text="The furthest moment of the movie that was reached.")
    total = models.BigIntegerField(help_text="Seconds watched.")

    class Meta:
        constraints: ClassVar = [
            UniqueConstraint(fields=["user", "movie"], name="watch_time_pair"),
            seconds_check("total", "watch_time_total"),
            CheckConstraint(
                condition=Q(last_moment__gte=0, last_moment__lte=MAX_MOMENT), name="watch_time_last_moment"
            ),
        ]
        indexes: ClassVar = [
            Index(fields=["user", "id"], name="watch_time_by_user"),
            Index(fields=["movie", "id"], name="watch_time_by_movie"),
        ]

    def __str__(self) -> str:
        return f"{self.user} watched {self.total} s of {self.movie}"


class Event(models.Model):
    """The ledger: one row an accepted event, append-only. Every total can be rebuilt from it."""

    event_id = models.UUIDField(unique=True, help_text="The idempotency key.")
    # No constraints in the database: the pair that each event is added to has them, and checking both
    # again for every event took an eighth of the fold.
    user = models.ForeignKey(
        CustomUser, on_delete=models.PROTECT, related_name="events", db_index=False, db_constraint=False
    )
    movie = models.ForeignKey(
        Movie, on_delete=models.PROTECT, related_name="events", db_index=False, db_constraint=False
    )
    start = models.IntegerField(help_text="Where this stretch of viewing began, in seconds into the movie.")
    at = models.IntegerField(help_text="The moment that it reached, in seconds into the movie.")
    occurred_at = models.DateTimeField(help_text="When it was watched.")
    received_at = models.DateTimeField(help_text="When it was counted.")

    class Meta:
        constraints: ClassVar = [
            CheckConstraint(condition=Q(start__gte=0, start__lte=F("at"), at__lte=MAX_MOMENT), name="event_stretch"),
        ]
        indexes: ClassVar = [
            Index(fields=["occurred_at", "id"], name="event_by_time"),
            # The movie at its end finds a viewer's events of one movie without reading their other rows.
            Index(fields=["user", "occurred_at", "id", "movie"], name="event_by_user"),
            Index(fields=["movie", "occurred_at", "id"], name="event_by_movie"),
        ]

    def __str__(self) -> str:
        return str(self.event_id)
