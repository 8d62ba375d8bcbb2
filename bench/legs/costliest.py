"""The most expensive operations of each kind, as large as the limits let them be."""

import json
from collections.abc import Callable
from typing import Any

from graphql import get_introspection_query

from schema.schema import schema
from watchtime.models import CustomUser, Movie, WatchTime

PUBLISH = "mutation ($e: [EventInput!]!) { publishEvents(events: $e) { ids userErrors { path code message } } }"
GOOD = {"user": "viewer-1", "slug": "movie-1", "at": 60, "start": 0, "id": "0191e0b6-5a4c-7000-8000-000000000001"}
BAD = {"user": "a b", "slug": "a/b", "at": -1, "start": -1, "id": "x", "occurredAt": "y"}


def fill() -> None:
    """Make a hundred viewers who watched a hundred movies each."""
    viewers = CustomUser.objects.bulk_create(CustomUser(username=f"viewer-{n}", total_watch_time=n) for n in range(100))
    movies = Movie.objects.bulk_create(Movie(slug=f"movie-{n}", total_watch_time=n) for n in range(100))
    pairs = (WatchTime(user=viewer, movie=movie, last_moment=1, total=1) for viewer in viewers for movie in movies)
    WatchTime.objects.bulk_create(pairs, batch_size=1_000)


def _aliases(field: str) -> Callable[[int], str]:
    return lambda number: "{ " + " ".join(f"a{n}: {field}" for n in range(number)) + " }"


def _nested(fields: str) -> Callable[[int], str]:
    return lambda size: (
        f"{{ movies(first: 100) {{ edges {{ node {{ watchTimes(first: {size}) {{ {fields} }} }} }} }} }}"
    )


def _fragments(number: int) -> str:
    spread = " ".join(f"...F{n}" for n in range(number))
    return f"{{ {spread} }} " + " ".join(
        f"fragment F{n} on Query {{ users {{ edges {{ node {{ id }} }} }} }}" for n in range(number)
    )


INSIDE = "name kind description specifiedByURL fields { name } interfaces { name } possibleTypes { name }"
OF_TYPES = "fields { name description args { name description defaultValue type { name kind } } type { name kind } }"


def _inside(levels: int) -> str:
    return f"{{ {OF_TYPES} {INSIDE} {'ofType ' + _inside(levels - 1) if levels else ''} }}"


def _told(number: int) -> str:
    errors = " ".join(f"a{n}: userErrors {{ path code message }}" for n in range(number))
    return f"mutation ($e: [EventInput!]!) {{ publishEvents(events: $e) {{ {errors} }} }}"


KINDS: dict[str, tuple[Callable[[int], str], list[dict[str, Any]] | None]] = {
    "rows under each of 100": (_nested("edges { node { id user { username } } }"), None),
    "fields under each of 100": (_nested("edges { cursor node { id lastMoment totalWatchTime user { id } } }"), None),
    "pages under each of 100": (_nested("pageInfo { startCursor endCursor }"), None),
    "lists side by side": (_aliases("events(first: 80) { edges { node { id user { id } movie { id } } } }"), None),
    "counts": (_aliases("users { totalCount }"), None),
    "counts under each": (
        _aliases("movies(orderBy: TOTAL_WATCH_TIME_ASC) { edges { node { watchTimes { totalCount } } } }"),
        None,
    ),
    "objects by their ids": (_aliases('node(id: "V2F0Y2hUaW1lOjE=") { id }'), None),
    "introspection": (lambda _: get_introspection_query(), None),
    "introspection, nested": (
        lambda size: f"{{ __schema {{ types {{ fields {{ type {_inside(min(size, 30))} }} }} }} }}",
        None,
    ),
    "fragments to compare": (_fragments, None),
    "fields that there are not": (lambda number: "{ " + " ".join(f"userTotal{n}" for n in range(number)) + " }", None),
    "wrong ids": (_aliases('node(id: "x") { id }'), None),
    "1,000 events": (lambda _: PUBLISH, [GOOD] * 1000),
    "1,000 invalid events": (lambda _: PUBLISH, [BAD] * 1000),
    "1,000 invalid events, told again and again": (_told, [BAD] * 1000),
}


def bodies() -> dict[str, str]:
    """Return the most expensive request of each kind: its document as large as the limits let it be."""
    found = {}
    for kind, (document, events) in KINDS.items():
        variables = {"e": events} if events else {}
        found[kind] = json.dumps({"query": document(_largest(document, variables)), "variables": variables})
    return found


def _largest(document: Callable[[int], str], variables: dict[str, Any]) -> int:
    """Return the largest size of a document that passes the limits."""
    low, high = 1, 1_000
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _passes(document(middle), variables) else (low, middle - 1)
    return low


def _passes(query: str, variables: dict[str, Any]) -> bool:
    result = schema.execute_sync(query, variable_values=variables)
    return not any((error.extensions or {}).get("code") == "TOO_LARGE" for error in result.errors or ())
