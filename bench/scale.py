"""`python -m bench.scale`: the unit costs behind docs/scale.md, and simulations of more machines than one.

Measured on this machine: what folding an event costs PostgreSQL and Python, the bytes of the ledger and of
PostgreSQL's log, and how long a batch holds the hottest movie's row. Simulated with these: many consumers that
wait for each other at hot rows, kept whole or split, and queues that viewers are spread over by a hash.
"""

import heapq
import random
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

from bench.leg import legs
from bench.service import on_servers
from bench.traffic import KNOWN

EVENTS = 40_000
BATCH = 1_000
SECONDS = 60.0  # that are simulated


def main() -> None:
    """Measure, simulate, and print both as tables."""
    cost, size, log = measure()
    print("Measured here, batches of 1,000 on PostgreSQL:")
    print(f"  fold        {1e6 * cost['fold']:8.1f} us an event, of these Python {1e6 * cost['python']:.1f} us")
    print(f"  hot row     {1e3 * cost['held']:8.1f} ms held a batch, from its update to the end of COMMIT")
    print(f"  ledger      {size:8.0f} bytes an event with indexes")
    print(f"  log         {log:8.0f} bytes an event")
    work = BATCH * cost["fold"] - cost["held"]
    print("\nSimulated: consumers that all bring the hottest movie in each batch, events a second:")
    shares = (1, 4, 16, 64)
    print("  consumers " + "".join(f"{f'{parts} rows':>12}" for parts in shares))
    for consumers in (1, 4, 16, 64, 256):
        rates = [simulate(consumers, parts, work, cost["held"]) for parts in shares]
        print(f"  {consumers:9} " + "".join(f"{rate:12,.0f}" for rate in rates))
    print("\nSimulated: viewers spread over queues by a hash, the fullest queue against the mean:")
    for queues in (8, 64, 512):
        print(f"  {queues:4} queues: {imbalance(queues):.3f}")


def measure() -> tuple[dict[str, float], float, float]:
    """Return the costs of the fold, and the bytes an event takes in the ledger and in the log."""
    with on_servers() as service, legs(service, "scale:call") as (leg,):
        service.execute(*KNOWN)
        leg("measure", 5_000, BATCH)  # to a state that lasts
        ledger, log = leg("sizes", "watchtime_event"), leg("log_position")
        cost = leg("measure", EVENTS, BATCH)
        grown = leg("sizes", "watchtime_event") - ledger, leg("log_position") - log
    return cost, grown[0] / EVENTS, grown[1] / EVENTS


def simulate(consumers: int, parts: int, work: float, held: float) -> float:
    """Return the events a second of consumers whose batches each need one part of one row to themselves.

    A batch works for `work` seconds (exponentially spread), waits for a part that it chooses at random, and
    holds that for `held` seconds. The machines are assumed to be as many as the consumers need.
    """
    chance = random.Random(1)
    free_at = [0.0] * parts
    ready: list[tuple[float, int]] = [(chance.expovariate(1 / work), number) for number in range(consumers)]
    heapq.heapify(ready)
    batches = 0
    while ready[0][0] < SECONDS:
        now, number = heapq.heappop(ready)
        part = chance.randrange(parts)
        done = max(now, free_at[part]) + held
        free_at[part] = done
        batches += 1
        heapq.heappush(ready, (done + chance.expovariate(1 / work), number))
    return batches * BATCH / SECONDS


def imbalance(queues: int, viewers: int = 200_000) -> float:
    """Return the events of the fullest queue against the mean, for viewers some of whom watch much more than others."""
    chance = random.Random(1)
    loads: Counter[int] = Counter()
    for number in range(viewers):
        digest = blake2b(f"viewer-{number}".encode(), digest_size=8).digest()
        loads[int.from_bytes(digest) % queues] += round(chance.lognormvariate(3, 1))
    return worst_against_mean([loads[queue] for queue in range(queues)])


def worst_against_mean(loads: Sequence[int]) -> float:
    """Return the largest of some numbers against their mean."""
    return max(loads) * len(loads) / sum(loads)


if __name__ == "__main__":
    main()
