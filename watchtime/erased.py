"""What is remembered of erased viewers, so that no event of theirs brings them back: hashes by a key, and a time.

Such an event may wait in the queue, be replayed from the dead letters, or be sent again. It is left out when it was
sent or watched before the erasure, or has the id of an event that was erased or left out. Other events mean that the
viewer came back, and count.

The key is SECRET_KEY: the database alone does not tell who was erased. Where SECRET_KEY changes, the old
one belongs in SECRET_KEY_FALLBACKS, or the erased are forgotten.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from uuid import UUID

from django.conf import settings
from django.utils.crypto import salted_hmac

from watchtime.events import WatchEvent
from watchtime.models import ErasedEvent, Erasure

# Whether a viewer was erased before, for those whom the fold finds, and whether one of those may whom it makes.
ANY_ERASURE = "EXISTS (SELECT 1 FROM watchtime_erasure)"
CAME_BACK = "EXISTS (SELECT 1 FROM watchtime_erasure AS erasure WHERE erasure.user_id = watchtime_customuser.id)"
# What keeps a fold that had found a viewer, who was erased meanwhile, from counting: a condition of its INSERT.
NOT_ERASED = "NOT EXISTS (SELECT 1 FROM watchtime_erasure AS erasure WHERE erasure.gone_id = batch.user_id)"


def viewer_digest(username: str) -> UUID:
    """Return the hash by which an erased viewer is remembered."""
    return next(_digests("viewer", username))


def event_digest(username: str, event_id: UUID) -> UUID:
    """Return the hash by which the id of an erased event is remembered."""
    return next(_digests("event", f"{username}\0{event_id}"))


def _digests(kind: str, value: str) -> Iterator[UUID]:
    """Yield the hashes by the key in use, and by the keys of before."""
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        yield UUID(bytes=salted_hmac(f"watchtime.erased.{kind}", value, secret=key, algorithm="sha256").digest()[:16])


def erased_positions(
    events: Sequence[WatchEvent], sent: Sequence[float | None], ids: Mapping[str, int], suspects: Set[int]
) -> set[int]:
    """Return the positions of the events that would bring an erased viewer back.

    `sent` is when each was sent, in seconds since the epoch, where that is known. `ids` are those of the viewers of
    the events; of them `suspects` may have been erased before.
    """
    names = {pk: name for name, pk in ids.items() if pk in suspects}
    erased_at = {names[pk]: row.erased_at.timestamp() for pk, row in _erasures_of(names).items()}
    theirs = [position for position, event in enumerate(events) if event.user in erased_at]
    early = {at for at in theirs if _earliest(events[at], sent[at]) <= erased_at[events[at].user]}
    remember_ids((events[at].user, events[at].id) for at in early)  # a client may send them once more, as new
    return early | _with_an_erased_id(events, [at for at in theirs if at not in early])


def remember_ids(keys: Iterable[tuple[str, UUID]]) -> None:
    """Remember that events with these viewers and ids are not to count any more."""
    digests = sorted(event_digest(*key) for key in keys)  # in one order, so that parallel folds wait for each other
    if digests:
        ErasedEvent.objects.bulk_create(map(ErasedEvent, digests), ignore_conflicts=True)


def _earliest(event: WatchEvent, sent: float | None) -> float:
    watched = event.occurred_at.timestamp()
    return watched if sent is None else min(watched, sent)


def _erasures_of(names: Mapping[int, str]) -> dict[int, Erasure]:
    """Return the erasures of viewers by their primary keys, which they note: later folds find them by these."""
    digests = {digest: pk for pk, name in names.items() for digest in _digests("viewer", name)}
    erasures = {digests[row.digest]: row for row in Erasure.objects.filter(pk__in=list(digests))} if digests else {}
    for pk, erasure in erasures.items():
        if erasure.user_id != pk:
            Erasure.objects.filter(pk=erasure.pk).update(user_id=pk)
    return erasures


def _with_an_erased_id(events: Sequence[WatchEvent], positions: Sequence[int]) -> set[int]:
    """Return those of the positions whose event has an erased id. Several may have the same."""
    digests = {at: {*_digests("event", f"{events[at].user}\0{events[at].id}")} for at in positions}
    if not digests:
        return set()
    wanted = set().union(*digests.values())
    erased = set(ErasedEvent.objects.filter(pk__in=wanted).values_list("pk", flat=True))
    return {at for at, own in digests.items() if own & erased}
