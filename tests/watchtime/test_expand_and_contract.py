"""Migrations leave the release before working: they add to the schema, and take away only in a release of their own."""

import pytest
from django_migration_linter import MigrationLinter

from tests.services import ROOT

# Before the first release: nothing ran on these schemas.
UNRELEASED = ["0001_initial", "0002_drop_pattern_indexes", "0003_accounts", "0004_analytics"]


@pytest.mark.django_db(transaction=True)  # SQLite makes no statements within one
def test_migrations_are_backward_compatible(capsys: pytest.CaptureFixture[str]) -> None:
    linter = MigrationLinter(str(ROOT), include_apps=["watchtime", "broker"], ignore_name=UNRELEASED, no_cache=True)
    linter.lint_all_migrations()
    assert not linter.has_errors, capsys.readouterr().out
    assert linter.nb_total >= 2


@pytest.mark.django_db(transaction=True)  # SQLite makes no statements within one
def test_a_migration_that_takes_away_would_be_found() -> None:
    linter = MigrationLinter(
        str(ROOT), include_apps=["watchtime"], include_name=["0004_analytics"], no_cache=True, no_output=True
    )
    linter.lint_all_migrations()
    assert linter.nb_erroneous == 1
