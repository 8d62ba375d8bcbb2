"""Storing together: who writes, who waits, and who hears of a failure."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from broker.group_commit import GroupCommit
from tests.processes import wait_for


class Disk:
    """Writes groups of messages, each when it is let."""

    def __init__(self) -> None:
        self.groups: list[list[bytes]] = []
        self.let = threading.Semaphore(0)
        self.failure: Exception | None = None

    def write(self, messages: Sequence[bytes], _timeout: float) -> None:
        self.groups.append([*messages])
        assert self.let.acquire(timeout=10)
        if self.failure is not None:
            raise self.failure


def store_from_threads(commit: GroupCommit, disk: Disk, pool: ThreadPoolExecutor) -> list["Future[None]"]:
    """Have one thread write, and three others come meanwhile."""
    first = pool.submit(commit.store, [b"first"], 10)
    wait_for(lambda: disk.groups == [[b"first"]], 5, "the first is being written")
    others = [pool.submit(commit.store, [b"%d" % number], 10) for number in range(3)]
    wait_for(lambda: len(commit._waiting) == 3, 5, "the others wait")
    return [first, *others]


def test_who_comes_while_one_writes_is_written_together() -> None:
    disk = Disk()
    commit = GroupCommit(disk.write)
    with ThreadPoolExecutor() as pool:
        stored = store_from_threads(commit, disk, pool)
        disk.let.release(1)
        stored[0].result(10)
        wait_for(lambda: len(disk.groups) == 2, 5, "the others are being written")
        assert not any(turn.done() for turn in stored[1:])
        disk.let.release(1)
        assert [turn.result(10) for turn in stored[1:]] == [None, None, None]
    assert sorted(disk.groups[1]) == [b"0", b"1", b"2"]


def test_a_failure_is_everyones_and_the_next_one_writes_again() -> None:
    disk = Disk()
    commit = GroupCommit(disk.write)
    disk.failure = OSError("full")
    with ThreadPoolExecutor() as pool:
        stored = store_from_threads(commit, disk, pool)
        disk.let.release(1)
        for turn in stored:
            with pytest.raises(OSError, match="full"):
                turn.result(10)
    disk.failure = None
    disk.let.release(1)
    commit.store([b"again"], 10)
    assert disk.groups == [[b"first"], [b"again"]]


def test_nothing_is_written_twice_or_left_out_under_load() -> None:
    written: list[bytes] = []
    commit = GroupCommit(lambda messages, _timeout: written.extend(messages))
    messages = [b"%d" % number for number in range(5_000)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda message: commit.store([message], 10), messages))
    assert sorted(written) == sorted(messages)
