"""What is kept of documents is bounded in bytes, and one client's documents do not push everybody's out."""

import gc
import tracemalloc
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client
from pytest_django import Settings

from schema import persisted
from schema.documents import read_document
from schema.schema import schema
from tests.processes import wait_for

ASTRAL = "\U0001f600" * 10_000  # 40,000 bytes


@pytest.fixture(autouse=True)
def empty_caches() -> Iterator[None]:
    persisted.forget()
    read_document.cache_clear()
    yield
    persisted.forget()
    read_document.cache_clear()


def large(number: int) -> str:
    return f'{{ userTotalWatchTime(username: "{ASTRAL}{number}") {{ pk }} }}'


def persist(client: Client, query: str | None, text: str) -> Any:
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": sha256(text.encode()).hexdigest()}}
    body = {"extensions": extensions} | ({"query": query} if query else {})
    return client.post("/graphql/", body, content_type="application/json").json()


def kept() -> float:
    """Return the memory that was taken since tracing began, by what the cache says that it keeps."""
    return tracemalloc.get_traced_memory()[0] / read_document.cache.currsize


def test_documents_are_kept_in_bounded_memory_which_is_what_they_take() -> None:
    dense = "mutation { publishEvents(events: [%s]) { ids } }" % " ".join('"x"' for _ in range(900))
    tracemalloc.start()
    try:
        for number in range(60):  # 21 MB of them
            read_document(schema.graph, f"{dense} #{number}")
        # Documents that were dropped are cycles. A collection does nothing while another thread's goes on.
        wait_for(lambda: gc.collect() is not None and kept() < 1.2, 10, "no more is kept than the cache weighs")
        assert kept() > 0.5
    finally:
        tracemalloc.stop()
    assert 0 < len(read_document.cache) < 60
    assert read_document.cache.currsize <= read_document.cache.maxsize


def test_a_text_weighs_what_its_characters_do() -> None:
    read_document(schema.graph, large(0))
    assert read_document.cache.currsize > 2 * len(ASTRAL.encode())


def test_a_document_that_was_refused_is_not_kept() -> None:
    with pytest.raises(Exception, match="aliases"):
        read_document(schema.graph, "{ %s }" % " ".join(f"a{index}: __typename" for index in range(31)))
    assert len(read_document.cache) == 0


def test_many_small_persisted_queries_leave_one_that_is_used(client: Client) -> None:
    used = "{ __typename # used\n}"
    assert "data" in persist(client, used, used)
    for number in range(2_100):
        caches["persisted"].add(f"graphql:{number}", "{ __typename }")
        if number % 1_000 == 0:
            assert "data" in persist(client, None, used)
    assert "data" in persist(client, None, used)


def test_a_large_document_is_executed_and_not_persisted(client: Client, db: None, settings: Settings) -> None:
    assert len(large(0).encode()) > settings.GRAPHQL_MAX_PERSISTED
    for _ in range(2):
        assert persist(client, large(0), large(0)) == {"data": {"userTotalWatchTime": None}}
        assert persist(client, None, large(0))["errors"][0]["message"] == "PersistedQueryNotFound"
