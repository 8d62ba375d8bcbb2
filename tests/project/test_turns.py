"""Turns at the threads of the gateway."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from project import turns
from project.turns import Turns


async def has_turn(stack: AsyncExitStack, turns: Turns, caller: str) -> bool:
    """Have a turn until the stack ends; say whether it came at once."""
    try:
        await asyncio.wait_for(stack.enter_async_context(turns.turn(caller)), 0.02)
    except TimeoutError:
        return False
    return True


def test_each_of_several_callers_has_a_share() -> None:
    async def ask() -> list[bool]:
        some = Turns(2)
        async with AsyncExitStack() as stack:
            return [await has_turn(stack, some, caller) for caller in "abaabbc"]

    assert asyncio.run(ask()) == [True, True, True, False, True, False, True]


def test_a_caller_who_is_alone_has_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "ALONE_AFTER", -1)

    async def ask() -> list[bool]:
        some = Turns(1)
        async with AsyncExitStack() as stack:
            return [await has_turn(stack, some, "a") for _ in range(5)]

    assert asyncio.run(ask()) == [True] * 5


def test_who_waits_has_the_turn_that_ends() -> None:
    async def ask() -> list[bool]:
        some, waiting = Turns(1), AsyncExitStack()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(some.turn("a"))
            later = asyncio.create_task(has_turn(waiting, some, "a"))
            await asyncio.sleep(0)
        async with waiting:
            return [await later]

    assert asyncio.run(ask()) == [True]
