"""The tables: viewers, movies, what each viewer watched of each movie, the ledger, and the rollups of a movie.

The ledger (`Event`) is the source of truth. The fold (`watchtime.fold`) keeps everything else in step
with it; `rebuild_totals` recomputes all of it from the ledger. All times in columns are in UTC, all
stretches are half open: `[start, at)`, in whole seconds into the movie.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import models
from django.db.models import CheckConstraint, F, Func, Index, Q, UniqueConstraint
from django.db.models.functions import Cast, Length

from watchtime.coverage import Stretch, decode_coverage, stretches

MAX_SECONDS = 2**63 - 1  # what a signed 64-bit column holds
MAX_MOMENT = 86_400  # a movie's last possible moment: one day, in seconds
MAX_USERNAME_LENGTH = 100
MAX_SLUG_LENGTH = 50
MAX_TITLE_LENGTH = 200
BLOCK_SECONDS = 128  # the seconds of a movie in one row of MovieBlock
QUARTER_SECONDS = 900  # every time zone's days begin on a quarter of an hour of UTC
DAY_SECONDS = 86_400
MAGNITUDE_SECONDS = 300  # a player reports ten times meanwhile, which leaves nine updates in place
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def seconds_check(field: str, name: str) -> CheckConstraint:
    """Keep `field` a non-negative 64-bit integer.

    The upper bound matters on SQLite, where an overflowing sum becomes a float.
    """
    return CheckConstraint(condition=Q(**{f"{field}__gte": 0, f"{field}__lte": MAX_SECONDS}), name=name)


def magnitude_of(field: str) -> models.GeneratedField:
    """Return a column that orders rows as `field` does, but coarsely: by steps of MAGNITUDE_SECONDS.

    It is 100 times the number of digits of that number of steps, plus its first two digits. So it changes when
    `field` has grown by that many seconds and by 1 to 10 percent, and can be indexed for the top lists while most
    updates of `field` still happen in place (https://www.postgresql.org/docs/15/storage-hot.html). Rows of equal
    magnitude are sorted when they are read.
    """
    digits = Cast(F(field) / MAGNITUDE_SECONDS, models.CharField())
    # As Substr(digits, 1, 2), but Django cannot introspect a table of SQLite with a bare ", 1, " in it.
    first = Func(digits, function="SUBSTR", template="%(function)s(%(expressions)s, (1), (2))")
    return models.GeneratedField(
        expression=Length(digits) * 100 + Cast(first, models.SmallIntegerField()),
        output_field=models.SmallIntegerField(),
        db_persist=True,
    )


class FoldedTotal(models.Model):
    """Keeps `save` off the total of a stored row: it would set back what the fold added since that was read."""

    class Meta:
        abstract = True

    def save(self, **options: Any) -> None:
        if not self._state.adding and options.get("update_fields") is None:
            fields = [field for field in self._meta.concrete_fields if not field.primary_key and not field.generated]
            options["update_fields"] = {f.name for f in fields} - self.get_deferred_fields() - {"total_watch_time"}
        super().save(**options)


class CustomUser(FoldedTotal):
    """A viewer, made by the first event that names one. No account: people who log in are `auth.User` rows."""

    username = models.CharField(
        max_length=MAX_USERNAME_LENGTH,
        unique=True,
        validators=[UnicodeUsernameValidator()],
        error_messages={"unique": "A viewer with that username already exists."},
    )
    total_watch_time = models.BigIntegerField(
        default=0, db_default=0, editable=False, help_text="Seconds watched, of all movies."
    )
    magnitude = magnitude_of("total_watch_time")

    class Meta:
        verbose_name = "viewer"
        constraints: ClassVar = [seconds_check("total_watch_time", "user_total_watch_time")]
        indexes: ClassVar = [Index(fields=["magnitude"], name="user_by_magnitude")]

    def __str__(self) -> str:
        return self.username


class Movie(FoldedTotal):
    """A movie, known by its slug. One first seen in an event has neither title nor duration yet."""

    title = models.CharField(max_length=MAX_TITLE_LENGTH, blank=True, default="", db_default="")
    slug = models.SlugField(max_length=MAX_SLUG_LENGTH, unique=True)
    duration_seconds = models.IntegerField(null=True, blank=True, help_text="How long the movie is, in seconds.")
    total_watch_time = models.BigIntegerField(
        default=0, db_default=0, editable=False, help_text="Seconds watched, by all viewers."
    )
    magnitude = magnitude_of("total_watch_time")

    class Meta:
        constraints: ClassVar = [
            seconds_check("total_watch_time", "movie_total_watch_time"),
            CheckConstraint(condition=Q(duration_seconds__range=(1, MAX_MOMENT)), name="movie_duration"),
        ]
        indexes: ClassVar = [Index(fields=["magnitude"], name="movie_by_magnitude")]

    def __str__(self) -> str:
        return self.title or self.slug


class WatchTime(models.Model):
    """What one viewer watched of one movie: one row a pair.

    Events that are not positional move `total` alone, and `watched_at` where no other event has set it.
    """

    user = models.ForeignKey(CustomUser, on_delete=models.PROTECT, related_name="watch_times", db_index=False)
    movie = models.ForeignKey(Movie, on_delete=models.PROTECT, related_name="watch_times", db_index=False)
    last_moment = models.IntegerField(help_text="The furthest moment of the movie that was reached.")
    total = models.BigIntegerField(help_text="Seconds watched, repeated parts included.")
    unique_seconds = models.IntegerField(default=0, help_text="Seconds of the movie that were watched at least once.")
    coverage = models.BinaryField(default=b"", help_text="Which seconds those are, see watchtime.coverage.")
    # The last of the positional events by (occurred_at, id) decides these three, whatever order they came in.
    resume_moment = models.IntegerField(default=0, help_text="The moment that the latest event reached.")
    watched_at = models.DateTimeField(default=EPOCH, help_text="When the latest event was watched.")
    latest_event = models.UUIDField(null=True, editable=False, help_text="The latest positional event's id.")
    # Indexed instead of `watched_at`, which would be written to the index at every event.
    watched_day = models.IntegerField(default=0, editable=False, help_text="The days from 1970 to watched_at, in UTC.")

    class Meta:
        constraints: ClassVar = [
            UniqueConstraint(fields=["user", "movie"], name="watch_time_pair"),
            seconds_check("total", "watch_time_total"),
            CheckConstraint(
                condition=Q(last_moment__gte=0, last_moment__lte=MAX_MOMENT), name="watch_time_last_moment"
            ),
            CheckConstraint(
                condition=Q(resume_moment__gte=0, resume_moment__lte=F("last_moment")), name="watch_time_resume_moment"
            ),
            CheckConstraint(
                condition=Q(unique_seconds__gte=0, unique_seconds__lte=F("last_moment"))
                & Q(unique_seconds__lte=F("total")),
                name="watch_time_unique_seconds",
            ),
        ]
        indexes: ClassVar = [
            Index(fields=["user", "id"], name="watch_time_by_user"),
            Index(fields=["user", "watched_day"], name="watch_time_by_day"),  # what a viewer watched last
            Index(fields=["movie", "id"], name="watch_time_by_movie"),
        ]

    def __str__(self) -> str:
        return f"{self.user} watched {self.total} s of {self.movie}"

    @property
    def stretches(self) -> list[Stretch]:
        """The coverage: sorted, disjoint stretches `[start, end)` that do not touch each other."""
        return stretches(decode_coverage(bytes(self.coverage)))

    @property
    def completion(self) -> float | None:
        """The share of the movie that was watched at least once, at most 1; None while its duration is unknown."""
        duration = self.movie.duration_seconds
        return min(self.unique_seconds / duration, 1.0) if duration else None


class Event(models.Model):
    """The ledger: one row an accepted event, append-only. Everything else can be rebuilt from it.

    The key is (viewer, `event_id`): nobody can use up the ids of another viewer's events.
    """

    event_id = models.UUIDField(help_text="The idempotency key, unique for the viewer.")
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
    positional = models.BooleanField(
        default=True, help_text="Whether start and at are moments of the movie; otherwise only their difference counts."
    )
    occurred_at = models.DateTimeField(help_text="When it was watched.")
    received_at = models.DateTimeField(help_text="When it was counted.")

    class Meta:
        permissions: ClassVar = [
            ("publish_event", "Can publish events for any viewer"),
            ("read_totals", "Can read the totals and events of all viewers"),
        ]
        constraints: ClassVar = [
            UniqueConstraint(fields=["user", "event_id"], name="event_key"),
            CheckConstraint(condition=Q(start__gte=0, start__lte=F("at"), at__lte=MAX_MOMENT), name="event_stretch"),
            CheckConstraint(condition=Q(positional=True) | Q(start=0), name="event_positional"),
        ]
        indexes: ClassVar = [
            Index(fields=["occurred_at", "id"], name="event_by_time"),
            # The movie at its end finds a viewer's events of one movie without reading their other rows.
            Index(fields=["user", "occurred_at", "id", "movie"], name="event_by_user"),
            Index(fields=["movie", "occurred_at", "id"], name="event_by_movie"),
        ]

    def __str__(self) -> str:
        return str(self.event_id)


class MovieBlock(models.Model):
    """How often the seconds of a movie were watched: one row a movie and BLOCK_SECONDS seconds of it.

    `views` and `viewers` hold a number for each second of the block (see watchtime.coverage): by how much
    more stretches, or distinct viewers, cover this second than the one before. The running sum over a
    movie's blocks, from block 0 on, gives the views and the viewers of each second. Blocks without a row
    change nothing.
    """

    pk = models.CompositePrimaryKey("movie_id", "block")
    movie = models.ForeignKey(
        Movie, on_delete=models.CASCADE, related_name="blocks", db_index=False, db_constraint=False
    )
    block = models.SmallIntegerField(help_text="Its first second, divided by BLOCK_SECONDS.")
    views = models.BinaryField()
    viewers = models.BinaryField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.movie_id} from second {self.block * BLOCK_SECONDS}"


class MoviePeriod(models.Model):
    """What was watched of a movie in a period of time, by `occurred_at`."""

    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    period = models.IntegerField(help_text="How many such periods after 1970 began in UTC.")
    seconds = models.BigIntegerField(help_text="Seconds watched.")
    events = models.BigIntegerField(help_text="Events counted.")

    class Meta:
        abstract = True
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.movie_id}: {self.seconds} s in period {self.period}"


class MovieQuarter(MoviePeriod):
    """What was watched of a movie in a quarter of an hour: `period` is Unix time divided by 900."""

    pk = models.CompositePrimaryKey("movie_id", "period")

    class Meta(MoviePeriod.Meta):
        constraints: ClassVar = [seconds_check("seconds", "movie_quarter_seconds")]
        indexes: ClassVar = [Index(fields=["period"], name="movie_quarter_by_period")]


class MovieDay(MoviePeriod):
    """What was watched of a movie in a day of UTC: `period` is Unix time divided by 86,400.

    The sum of the day's quarters, kept so that long windows need not read those.
    """

    pk = models.CompositePrimaryKey("movie_id", "period")

    class Meta(MoviePeriod.Meta):
        constraints: ClassVar = [seconds_check("seconds", "movie_day_seconds")]
        indexes: ClassVar = [Index(fields=["period"], name="movie_day_by_period")]


class PrunedPair(models.Model):
    """What the pruned events of a viewer and a movie add up to (`watchtime.pruning`): the ledger's base.

    The columns that WatchTime has, too, mean the same here, of the pruned events alone.
    """

    pk = models.CompositePrimaryKey("movie_id", "user_id")
    movie = models.ForeignKey(Movie, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    user = models.ForeignKey(CustomUser, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    last_moment = models.IntegerField()
    total = models.BigIntegerField()
    unique_seconds = models.IntegerField()
    coverage = models.BinaryField()
    resume_moment = models.IntegerField()
    watched_at = models.DateTimeField()
    latest_event = models.UUIDField(null=True)
    watched_day = models.IntegerField()
    edges = models.BinaryField(help_text="JSON: moments, and by how much the views change there.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.total} s pruned"


class PrunedQuarter(models.Model):
    """What the pruned events of a viewer and a movie add up to in a quarter of an hour, as in MovieQuarter."""

    pk = models.CompositePrimaryKey("user_id", "period", "movie_id")
    user = models.ForeignKey(
        CustomUser, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    period = models.IntegerField(help_text="How many quarters after 1970 began in UTC.")
    movie = models.ForeignKey(Movie, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    seconds = models.BigIntegerField()
    events = models.BigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.seconds} s in quarter {self.period}"


class PrunedKey(models.Model):
    """The key of an event that was pruned, kept so that its repeats are not counted again."""

    pk = models.CompositePrimaryKey("user_id", "event_id")
    user = models.ForeignKey(
        CustomUser, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    event_id = models.UUIDField()
    content = models.BigIntegerField(help_text="A hash of what repeats of the event must agree in.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.event_id)


class Erasure(models.Model):
    """That a viewer was erased, and when (`watchtime.erased`). Of the name there is only a hash by a key."""

    digest = models.UUIDField(primary_key=True)
    erased_at = models.DateTimeField()
    gone_id = models.BigIntegerField(unique=True, help_text="The primary key that the viewer had.")
    user_id = models.BigIntegerField(null=True, unique=True, help_text="The one of the viewer who came back.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"erased at {self.erased_at}"


class ErasedEvent(models.Model):
    """That an event was erased: a hash of its viewer's name and its id, by a key."""

    digest = models.UUIDField(primary_key=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.digest)


class RebuildDue(models.Model):
    """A row here says that `rebuild_totals` has to be run, and why; it takes the row away."""

    reason = models.TextField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.reason
