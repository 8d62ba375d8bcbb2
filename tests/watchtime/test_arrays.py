"""Arrays as PostgreSQL takes them: it reads back what was sent."""

from collections.abc import Iterator, Sequence
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import services
from watchtime.postgresql.arrays import BinaryArray, BinaryArrayDumper, to_array

VALUES = st.one_of(
    st.tuples(st.just("smallint"), st.lists(st.integers(-(2**15), 2**15 - 1))),
    st.tuples(st.just("integer"), st.lists(st.integers(-(2**31), 2**31 - 1))),
    st.tuples(st.just("bigint"), st.lists(st.integers(-(2**63), 2**63 - 1))),
    st.tuples(st.just("boolean"), st.lists(st.booleans())),
    st.tuples(st.just("uuid"), st.lists(st.uuids())),
)


@pytest.fixture(scope="module")
def connection() -> "Iterator[psycopg.Connection[tuple[object, ...]]]":
    services.require(services.postgresql_answers(), f"PostgreSQL at {services.POSTGRESQL_URL}")
    with psycopg.connect(services.POSTGRESQL_URL) as opened:
        opened.adapters.register_dumper(BinaryArray, BinaryArrayDumper)
        yield opened


def read_back(connection: "psycopg.Connection[tuple[object, ...]]", kind: str, values: Sequence[object]) -> object:
    row = connection.execute(f"SELECT %b::{kind}[]", [to_array(kind, values)]).fetchone()
    assert row is not None
    return row[0]


class TestArrays:
    @given(typed=VALUES)
    @settings(max_examples=200, deadline=None)
    def test_what_is_sent_is_read_back(
        self, connection: "psycopg.Connection[tuple[object, ...]]", typed: tuple[str, list[object]]
    ) -> None:
        kind, values = typed
        assert isinstance(to_array(kind, values), BinaryArray)
        assert read_back(connection, kind, values) == values

    @pytest.mark.parametrize(
        ("kind", "values"),
        [("integer", [1, None]), ("uuid", [None, UUID(int=1)]), ("boolean", [True, None]), ("text", ["a", "ä"])],
    )
    def test_others_are_psycopgs(
        self, connection: "psycopg.Connection[tuple[object, ...]]", kind: str, values: list[object]
    ) -> None:
        assert to_array(kind, values) == values
        assert read_back(connection, kind, values) == values

    def test_a_number_that_does_not_fit_is_refused_by_the_database(
        self, connection: "psycopg.Connection[tuple[object, ...]]"
    ) -> None:
        with pytest.raises(psycopg.Error), connection.transaction():
            read_back(connection, "integer", [2**31])
