"""How far the viewers of a movie got."""

from typing import NamedTuple

from django.db.models import Count, F
from django.db.models.functions import Least

from watchtime.models import Movie, WatchTime

COUNTED = 50_000  # viewers, those who began last: counting the millions of a hit would take seconds


class CompletionBin(NamedTuple):
    """The viewers who watched a share of a movie from `start` on and before `end`, both 0 to 1; the last has 1, too."""

    start: float
    end: float
    viewers: int


def completions(movie: Movie, bins: int) -> list[CompletionBin]:
    """Return how many viewers watched which share of a movie, in `bins` equal shares, of the COUNTED newest viewers.

    Viewers without a known part of the movie do not count. Without a duration there is no share, and the list is empty.
    """
    if not movie.duration_seconds:
        return []
    newest = WatchTime.objects.filter(movie=movie.pk).order_by("-pk").values("pk")[:COUNTED]
    share = Least(F("unique_seconds") * bins / movie.duration_seconds, bins - 1)  # integers all, rounded down
    counted = (
        WatchTime.objects.filter(pk__in=newest, unique_seconds__gt=0)
        .order_by()
        .annotate(bin=share)
        .values("bin")
        .annotate(viewers=Count("pk"))
    )
    viewers = dict(counted.values_list("bin", "viewers"))
    return [CompletionBin(each / bins, (each + 1) / bins, viewers.get(each, 0)) for each in range(bins)]
