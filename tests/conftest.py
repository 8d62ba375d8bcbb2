"""Fixtures that every test may use."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.management import create_permissions
from django.contrib.contenttypes.management import create_contenttypes
from django.db.models.signals import post_migrate

from tests import services
from tests.processes import serving
from tests.settings import ON_POSTGRESQL, SQLITE_FILE

TESTS = Path(__file__).parent
# Modules that take a minute each: begun last, one would keep a single process busy when the others are done.
LONGEST = {"end_to_end/test_readme.py", "deploy/test_upgrade.py", "fuzz/test_schemathesis.py", "deploy/test_package.py"}
# A release's tests: they build the package, upgrade from the version before, and load the service for a while.
LONG = {"bench/test_soak.py", "deploy/test_package.py", "deploy/test_upgrade.py"}
SLOW = [TESTS / name for name in ("browser", "clients", "end_to_end", "faults", "fuzz")]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only slow tests are asked for, leave out the modules without: every process would import them all."""
    if collection_path.suffix != ".py" or "slow" not in config.option.markexpr.split(" and "):
        return None
    is_slow = any(folder in collection_path.parents for folder in SLOW) or "mark.slow" in collection_path.read_text()
    return None if is_slow else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the slow tests, and begin with the longest. On PostgreSQL, leave out those without a database."""
    items.sort(key=lambda item: item.path.relative_to(TESTS).as_posix() not in LONGEST)
    for item in items:
        if any(folder in item.path.parents for folder in SLOW):
            item.add_marker(pytest.mark.slow)
        if item.path.relative_to(TESTS).as_posix() in LONG and item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.long)
    runs = runs_on_postgresql if ON_POSTGRESQL else runs_on_sqlite
    config.hook.pytest_deselected(items=[item for item in items if not runs(item)])
    items[:] = [item for item in items if runs(item)]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if ON_POSTGRESQL and uses_database(item):
        services.require(services.postgresql_answers(), f"PostgreSQL at {services.POSTGRESQL_URL}")


def runs_on_postgresql(item: pytest.Item) -> bool:
    left_out = item.get_closest_marker("sqlite") or item.get_closest_marker("any_database")
    return uses_database(item) and not left_out


def runs_on_sqlite(item: pytest.Item) -> bool:
    return not item.get_closest_marker("postgresql")


def uses_database(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return bool(item.get_closest_marker("django_db") or {"db", "transactional_db"}.intersection(fixtures))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where nothing may be missing, a skip is a failure, whatever its reason."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("REQUIRE_SERVICES") == "1" and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in one line what did not run, and how to run it."""
    skipped = len(terminalreporter.stats.get("skipped", []))
    left_out = ["the slow tests (`make check` runs them)"] if config.option.markexpr == "not slow" else []
    missing = [f"{skipped} tests for the reasons above (install what is missing)"] if skipped else []
    if left_out or missing:
        terminalreporter.line(f"Not run: {', and '.join(left_out + missing)}.")


def pytest_unconfigure() -> None:
    for path in SQLITE_FILE.parent.glob(f"{SQLITE_FILE.name}*"):
        path.unlink()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """Leave the rows that migrating makes (`tests.backends.KEPT`) as they are from now on."""
    post_migrate.disconnect(create_contenttypes)
    post_migrate.disconnect(create_permissions, dispatch_uid="django.contrib.auth.management.create_permissions")


@pytest.fixture
def rabbitmq_queue() -> Iterator[str]:
    with services.own_queue() as name:
        yield name


@pytest.fixture(scope="session")
def live_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a service that all of these tests share. It has two web workers."""
    with serving(tmp_path_factory.mktemp("live"), WEB_WORKERS="2") as address:
        yield address
