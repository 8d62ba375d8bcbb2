"""Any split, any order and any repeats of the same events give what a slow replay of the list gives."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.factories import event
from tests.watchtime.oracle import expected, stored
from watchtime.events import WatchEvent
from watchtime.fold import fold
from watchtime.ledger import verify
from watchtime.models import CustomUser, Event, Movie, MovieBlock, MovieDay, MovieQuarter, WatchTime

TABLES = (Event, WatchTime, MovieBlock, MovieQuarter, MovieDay, CustomUser, Movie)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MOMENTS = st.one_of(st.integers(0, 300), st.integers(0, 86_400), st.sampled_from([0, 127, 128, 129, 256, 86_400]))


def make(
    number: int, user: str, slug: str, stretch: tuple[int, int], positional: bool, quarters: int, offset: int
) -> WatchEvent:
    """Make an event whose id and time are sometimes those of another one."""
    start, at = sorted(stretch)
    return event(
        id=UUID(int=number),
        user=user,
        slug=slug,
        start=start if positional else 0,
        at=at if positional else at - start,
        positional=positional,
        occurred_at=NOON + timedelta(minutes=15 * quarters, microseconds=offset),
    )


EVENTS = st.lists(
    st.builds(
        make,
        st.integers(0, 2**20),
        st.sampled_from(["anna", "ben", "cleo"]),
        st.sampled_from(["alien", "heat"]),
        st.tuples(MOMENTS, MOMENTS),
        st.sampled_from([True, True, True, False]),
        st.integers(-100, 100),
        st.sampled_from([0, 0, 1]),
    ),
    max_size=12,
    unique_by=lambda one: (one.user, one.id),
)


class FoldLaws(TestCase):
    @given(EVENTS, st.data())
    @settings(max_examples=60, deadline=None)
    def test_order_batches_and_repeats_do_not_matter(self, events: list[WatchEvent], data: st.DataObject) -> None:
        repeated = data.draw(st.lists(st.sampled_from(events), max_size=12)) if events else []
        shuffled = data.draw(st.permutations(events + repeated))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))
        for table in TABLES:
            table.objects.all().delete()
        for batch in slices(shuffled, cuts):
            fold(batch)
        assert stored() == expected(events)
        assert [difference for step in verify() for difference in step] == []


def slices(items: Sequence[WatchEvent], cuts: Sequence[int]) -> list[Sequence[WatchEvent]]:
    return [items[start:end] for start, end in pairwise([0, *cuts, len(items)])]
