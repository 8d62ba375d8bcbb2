"""Work that an event loop hands over to threads."""

import asyncio
import threading

import pytest

from project.threads import Threads


def fail() -> None:
    raise LookupError("nothing there")


def test_the_loop_gets_what_the_work_returns_or_raises() -> None:
    async def ask() -> str:
        threads: Threads[str] = Threads(1, "test")
        with pytest.raises(LookupError, match="nothing there"):
            await threads.run(fail)  # type: ignore[arg-type]
        return await threads.run(lambda: threading.current_thread().name)

    assert asyncio.run(ask()) == "test-0"


def test_as_many_works_run_at_once_as_there_are_threads() -> None:
    both = threading.Barrier(2, timeout=10)

    async def ask() -> list[int]:
        threads: Threads[int] = Threads(2, "test")
        return await asyncio.gather(threads.run(both.wait), threads.run(both.wait))

    assert sorted(asyncio.run(ask())) == [0, 1]


@pytest.mark.parametrize("outcome", [lambda: 1, fail])
def test_a_thread_outlives_work_that_nobody_waits_for_any_longer(outcome: object) -> None:
    begun, release = threading.Event(), threading.Event()

    async def ask() -> str:
        threads: Threads[object] = Threads(1, "test")

        def slow() -> object:
            begun.set()
            release.wait(10)
            return outcome()  # type: ignore[operator]

        given_up = threads.run(slow)
        await asyncio.to_thread(begun.wait, 10)
        given_up.cancel()
        release.set()
        return str(await threads.run(lambda: "next"))

    assert asyncio.run(ask()) == "next"
