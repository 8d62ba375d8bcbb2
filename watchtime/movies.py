"""What people enter about a movie: its title and its duration. Everything else is counted."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from watchtime.events import FieldError
from watchtime.keyset import is_storable
from watchtime.models import MAX_MOMENT, MAX_TITLE_LENGTH, Movie

_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff]")


class InvalidChange(ValueError):
    """A change that cannot be made: what is wrong with it, field by field."""

    def __init__(self, errors: list[FieldError]) -> None:
        self.errors = errors
        super().__init__(errors)


def update_movie(slug: str, changes: Mapping[str, Any]) -> Movie:
    """Set the `title` and the `duration_seconds` of a movie, those that `changes` has; None takes one away.

    Raises InvalidChange when there is no such movie, and when a value is wrong: then nothing is changed.
    """
    errors = [error for name, value in changes.items() if value is not None and (error := _CHECKS[name](value))]
    movie = Movie.objects.filter(slug=slug).first() if is_storable(slug) else None
    if movie is None:
        errors.append(FieldError("slug", "not_found", "No movie has this slug"))
    if movie is None or errors:
        raise InvalidChange(errors)
    values = {name: "" if name == "title" and value is None else value for name, value in changes.items()}
    if values:
        Movie.objects.filter(pk=movie.pk).update(**values)
    for name, value in values.items():
        setattr(movie, name, value)
    return movie


def _check_title(title: str) -> FieldError | None:
    if len(title) > MAX_TITLE_LENGTH:
        return FieldError("title", "string_too_long", f"Enter at most {MAX_TITLE_LENGTH} characters")
    if _CONTROL.search(title):
        return FieldError("title", "invalid_characters", "Enter a title without control characters")
    return None


def _check_duration(seconds: int) -> FieldError | None:
    if 1 <= seconds <= MAX_MOMENT:
        return None
    return FieldError("duration_seconds", "less_than_equal", f"Enter 1 to {MAX_MOMENT:,} seconds")


_CHECKS: Mapping[str, Callable[[Any], FieldError | None]] = {"title": _check_title, "duration_seconds": _check_duration}
