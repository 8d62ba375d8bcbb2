"""Threads that work for an event loop."""

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class Threads(Generic[T]):
    """A fixed number of threads, to which an event loop hands over work.

    A ThreadPoolExecutor does the same at twice the processor time of the loop and the threads together: it makes two
    futures of each work, with a lock and callbacks from one to the other.
    """

    def __init__(self, number: int, name: str) -> None:
        self._waiting: SimpleQueue[tuple[asyncio.Future[T], Callable[[], T]]] = SimpleQueue()
        for index in range(number):
            Thread(target=self._run, name=f"{name}-{index}", daemon=True).start()

    def run(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Return a future of the running event loop that has what `work` returns or raises."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.put((future, work))
        return future

    def _run(self) -> None:
        while True:
            future, work = self._waiting.get()
            try:
                result = work()
            except BaseException as error:
                future.get_loop().call_soon_threadsafe(_fail, future, error)
            else:
                future.get_loop().call_soon_threadsafe(_finish, future, result)
            del future, work  # or a thread without work would keep the last request


def _finish(future: "asyncio.Future[T]", result: T) -> None:
    if not future.cancelled():
        future.set_result(result)


def _fail(future: "asyncio.Future[T]", error: BaseException) -> None:
    if not future.cancelled():
        future.set_exception(error)
