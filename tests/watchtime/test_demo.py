from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from watchtime.demo import AFTER, BEFORE, BY_SLUG, FILMS, evening

NOW = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
EVENTS = evening("a seed", 100, NOW)


def test_a_hundred_viewers_have_begun_by_now() -> None:
    assert len({event.user for event in EVENTS if event.occurred_at <= NOW}) == 100
    assert all(event.user.endswith("@demo") for event in EVENTS)


def test_in_order_and_within_the_evening() -> None:
    times = [event.occurred_at for event in EVENTS]
    assert times == sorted(times)
    assert NOW - timedelta(seconds=BEFORE) <= times[0]
    assert NOW < times[-1] <= NOW + timedelta(seconds=AFTER)


def test_nobody_watches_faster_than_time_goes_by() -> None:
    by_viewer = defaultdict(list)
    for event in EVENTS:
        by_viewer[event.user].append(event)
    for events in by_viewer.values():
        for before, after in pairwise(events):
            assert after.occurred_at - before.occurred_at >= timedelta(seconds=after.at - after.start)


def test_every_stretch_lies_in_its_film() -> None:
    assert all(event.start < event.at <= BY_SLUG[event.slug].seconds for event in EVENTS)


def test_popular_films_are_watched_more() -> None:
    watched: Counter[str] = Counter()
    for event in EVENTS:
        watched[event.slug] += event.at - event.start
    assert sum(watched[film.slug] for film in FILMS[:4]) > sum(watched[film.slug] for film in FILMS[4:])


def test_the_scene_is_watched_more_than_what_is_before_it() -> None:
    film = FILMS[0]
    scene = int(film.scene * film.seconds)
    views = [sum(e.slug == film.slug and e.start <= at < e.at for e in EVENTS) for at in (scene + 60, scene - 600)]
    assert views[0] > 1.2 * views[1]


def test_one_seed_gives_one_evening_whenever_it_is_played() -> None:
    later = evening("a seed", 100, NOW + timedelta(hours=1))
    assert [(event.id, event.user, event.content) for event in later] == [
        (event.id, event.user, event.content) for event in EVENTS
    ]
    assert {event.id for event in evening("another", 100, NOW)}.isdisjoint(event.id for event in EVENTS)
    assert len({event.id for event in EVENTS}) == len(EVENTS)
