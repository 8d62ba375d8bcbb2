"""Movies and viewers by a part of their name, for a search box."""

from django.db.models import Q, QuerySet

from watchtime.keyset import is_storable
from watchtime.models import CustomUser, Movie

SEARCHED = 10_000  # rows, those with the greatest totals: no index finds the middle of a name


def movies(text: str) -> QuerySet[Movie]:
    """Return movies whose title or slug has the text in it, the most watched first, among the SEARCHED most watched.

    One whose slug is the text is found in any case.
    """
    if not is_storable(text):
        return Movie.objects.none()
    has_text = Q(title__icontains=text) | Q(slug__icontains=text)
    most_watched = Movie.objects.order_by("-magnitude").values("pk")[:SEARCHED]
    found = Movie.objects.filter(Q(slug=text) | Q(has_text, pk__in=most_watched))
    return found.order_by("-total_watch_time", "-pk")


def viewers(text: str) -> QuerySet[CustomUser]:
    """Return viewers whose name has the text in it, in the same way."""
    if not is_storable(text):
        return CustomUser.objects.none()
    most_watched = CustomUser.objects.order_by("-magnitude").values("pk")[:SEARCHED]
    found = CustomUser.objects.filter(Q(username=text) | Q(username__icontains=text, pk__in=most_watched))
    return found.order_by("-total_watch_time", "-pk")
