"""The consumer's resident memory after a long run against that after a short one."""

from bench.leg import legs
from bench.report import Row
from bench.service import on_servers

EVENTS = 1_000_000
MARK = 50_000
MEBIBYTE = 2**20


def run(scale: float) -> list[Row]:
    events, mark = int(EVENTS * scale), int(MARK * scale)
    with on_servers() as service, legs(service, "publish:fill", "consume:drain") as (fill, drain):
        fill(mark)
        fill.start(events - mark)
        drained = drain(mark)
        fill.result()
    if drained["counted"] != events:
        raise RuntimeError(f"{drained['counted']} of {events} events were counted")
    after, before = drained["resident"], drained["marked"]
    measured = f"{after / MEBIBYTE:.1f} MiB after {events:,} events, {before / MEBIBYTE:.1f} after {mark:,}"
    return [Row("memory of the consumer", measured, after / before, reach=1.05, at_most=True)]
