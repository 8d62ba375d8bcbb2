"""Fixtures that every test may use."""

import os
from collections.abc import Iterator

import pytest

from tests import services
from tests.processes import serving
from tests.settings import ON_POSTGRESQL, SQLITE_FILE


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, leave out the tests that have nothing to do with the database: they passed on SQLite."""
    if ON_POSTGRESQL:
        left_out = [item for item in items if not uses_database(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if uses_database(item)]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if ON_POSTGRESQL and uses_database(item):
        services.require(services.postgresql_answers(), f"PostgreSQL at {services.POSTGRESQL_URL}")


def uses_database(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return bool(item.get_closest_marker("django_db") or {"db", "transactional_db"}.intersection(fixtures))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where nothing may be missing, a skip is a failure, whatever its reason."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("REQUIRE_SERVICES") == "1" and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure() -> None:
    for path in SQLITE_FILE.parent.glob(f"{SQLITE_FILE.name}*"):
        path.unlink()


@pytest.fixture
def rabbitmq_queue() -> Iterator[str]:
    with services.own_queue() as name:
        yield name


@pytest.fixture(scope="session")
def live_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a service that all of these tests share."""
    with serving(tmp_path_factory.mktemp("live")) as address:
        yield address
