import threading
from typing import Any

import pytest

from watchtime import shared as shared_module
from watchtime.shared import SHARE, Shared, SharedByKey


class TestShared:
    def test_read_once_while_fresh(self, monkeypatch: pytest.MonkeyPatch) -> None:
        time = [0.0]
        monkeypatch.setattr(shared_module.time, "monotonic", lambda: time[0])
        reads: list[int] = []
        shared = Shared(lambda: reads.append(0) or len(reads), 0.5)
        assert [shared.get(), shared.get()] == [1, 1]
        time[0] = 0.5
        assert shared.get() == 2

    def test_what_takes_long_is_read_less_often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        time = [0.0]
        monkeypatch.setattr(shared_module.time, "monotonic", lambda: time[0])

        def read() -> float:
            time[0] += 1
            return time[0]

        shared = Shared(read, 0.0)
        assert shared.get() == 1
        time[0] = 1 / SHARE
        assert shared.get() == 1
        time[0] += 1
        assert shared.get() == 1 / SHARE + 2

    def test_others_get_the_old_value_while_one_reads(self) -> None:
        reading, go_on, reads = threading.Event(), threading.Event(), [0]

        def read() -> int:
            reads[0] += 1
            if reads[0] > 1:
                reading.set()
                assert go_on.wait(10)
            return reads[0]

        shared = Shared(read, 0.0)
        assert shared.get() == 1
        shared._due = 0.0
        thread = threading.Thread(target=shared.get)
        thread.start()
        assert reading.wait(10)
        assert shared.get() == 1
        go_on.set()
        thread.join()

    def test_an_error_is_raised_and_tried_again(self) -> None:
        answers: list[Any] = [ValueError("away"), 5]

        def read() -> int:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return int(answer)

        shared = Shared(read, 0.0)
        with pytest.raises(ValueError, match="away"):
            shared.get()
        assert shared.get() == 5


class TestSharedByKey:
    def test_each_key_has_its_own(self) -> None:
        values: SharedByKey[int] = SharedByKey(2, 60.0)
        reads: list[int] = []

        def read(key: int) -> int:
            return values.get(key, lambda: reads.append(key) or key)

        assert [read(1), read(2), read(1)] == [1, 2, 1]
        assert reads == [1, 2]
        assert [read(3), read(1), read(2)] == [3, 1, 2]
        assert reads == [1, 2, 3, 2], "two are kept, and 2 was not asked for the longest"
