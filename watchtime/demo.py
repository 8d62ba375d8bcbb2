"""An invented evening: what a hundred people would watch, event by event, for a look at the dashboard.

The same seed gives the same evening with the same ids, so that playing it again counts nothing twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID, uuid5

from watchtime.events import WatchEvent

NAMESPACE = UUID("3d0c2b0e-7d0f-5c55-9d5c-3f1d8f3e8a10")  # of the events' ids
BEFORE, AFTER = 5 * 3600, 3 * 3600  # seconds of the evening before and after the moment at which it is played
HEARTBEAT = 30  # seconds of viewing that a player reports at once
NAMES = [
    "ada", "amir", "anna", "anton", "aya", "ben", "bianca", "carl", "chen", "clara", "dana", "david", "diego", "ebba",
    "elif", "emil", "eva", "fatou", "felix", "finn", "frida", "gita", "hana", "hugo", "ida", "ines", "ivan", "jan",
    "joao", "julia", "kai", "karin", "kofi", "lara", "lena", "leo", "lina", "luca", "maja", "malik", "maria", "mei",
    "milan", "mira", "nadia", "nils", "noor", "olga", "omar", "paul",
]  # fmt: skip


class Film(NamedTuple):
    """A film of the demo. `scene` is where in it people like to go back to, as a share of its length."""

    slug: str
    title: str
    minutes: int
    scene: float

    @property
    def seconds(self) -> int:
        """Return how long it is."""
        return self.minutes * 60


# From the most popular on.
FILMS = (
    Film("spirited-away", "Spirited Away", 125, 0.62),
    Film("alien", "Alien", 117, 0.47),
    Film("casablanca", "Casablanca", 102, 0.71),
    Film("heat", "Heat", 170, 0.58),
    Film("arrival", "Arrival", 116, 0.83),
    Film("vertigo", "Vertigo", 128, 0.55),
    Film("paddington", "Paddington", 95, 0.33),
    Film("seven-samurai", "Seven Samurai", 207, 0.78),
    Film("rear-window", "Rear Window", 112, 0.88),
    Film("amelie", "Amélie", 122, 0.24),
    Film("the-third-man", "The Third Man", 104, 0.60),
    Film("metropolis", "Metropolis", 153, 0.41),
    Film("some-like-it-hot", "Some Like It Hot", 121, 0.96),
    Film("my-neighbor-totoro", "My Neighbor Totoro", 86, 0.52),
    Film("city-lights", "City Lights", 87, 0.93),
    Film("solaris", "Solaris", 167, 0.30),
)
BY_SLUG = {film.slug: film for film in FILMS}


class Stretch(NamedTuple):
    """What was watched without a break: from `start` to `at`, in seconds into the film, until `clock`."""

    start: int
    at: int
    clock: float


@dataclass
class Sitting:
    """One viewer with one film. `clock` is in seconds since the evening began."""

    random: Random
    film: Film
    clock: float
    position: int = 0
    has_gone_back: bool = False

    def stretches(self) -> Iterator[Stretch]:
        """Yield what is watched until the viewer has had enough, or the film ends."""
        while self.position < self.film.seconds:
            yield from self._watch(self.random.randint(120, 900))
            if self._has_had_enough():
                return
            self._interrupt()

    def _watch(self, seconds: int) -> Iterator[Stretch]:
        end = min(self.position + seconds, self.film.seconds)
        while self.position < end:
            start, self.position = self.position, min(self.position + HEARTBEAT, end)
            self.clock += self.position - start
            yield Stretch(start, self.position, self.clock)

    def _has_had_enough(self) -> bool:
        """Many leave in the first minutes, few later on, and most during the credits."""
        share = self.position / self.film.seconds
        return self.random.random() < (0.85 if share > 0.95 else 0.12 if share < 0.12 else 0.018)

    def _interrupt(self) -> None:
        """Go on, or go back to the scene that everybody likes, pause, or skip a little."""
        scene = int(self.film.scene * self.film.seconds)
        chance = self.random.random()
        if not self.has_gone_back and scene < self.position < scene + 900 and chance < 0.7:
            self.has_gone_back = True
            self.position = scene - self.random.randint(0, 60)
            self.clock += 3
        elif chance < 0.25:
            self.clock += self.random.randint(20, 420)
        elif chance < 0.35:
            self.position = max(0, self.position - self.random.randint(10, 40))
        elif chance < 0.40:
            self.position = min(self.film.seconds, self.position + self.random.randint(30, 240))


def evening(seed: str, viewers: int, now: datetime) -> list[WatchEvent]:
    """Return the events of an evening, in the order in which they happen: BEFORE seconds of it before `now`."""
    begins = now - timedelta(seconds=BEFORE)
    events = [event for number in range(viewers) for event in _viewer(seed, number, begins)]
    return sorted(events, key=lambda event: event.occurred_at)


def _viewer(seed: str, number: int, begins: datetime) -> Iterator[WatchEvent]:
    """Yield what one viewer watches: one film, or a second and a third until it gets late."""
    name = f"{NAMES[number % len(NAMES)]}{number // len(NAMES) + 1 if number >= len(NAMES) else ''}@demo"
    random = Random(f"{seed} {name}")  # noqa: S311 (chance as in a game; the same each time)
    clock = random.triangular(0, BEFORE - 600, BEFORE * 0.4)
    count = 0
    for film in _choices(random):
        sitting = Sitting(random, film, clock)
        for start, at, clock in sitting.stretches():
            if clock > BEFORE + AFTER:
                return
            count += 1
            moment = begins + timedelta(seconds=clock)
            event_id = uuid5(NAMESPACE, f"{seed} {name} {count}")
            yield WatchEvent(user=name, slug=film.slug, start=start, at=at, id=event_id, occurred_at=moment)
        clock += random.randint(60, 1200)


def _choices(random: Random) -> list[Film]:
    """Return up to three different films, popular ones more often."""
    weights = [1 / rank for rank in range(1, len(FILMS) + 1)]
    return list(dict.fromkeys(random.choices(FILMS, weights, k=random.randint(1, 3))))
