"""Whether the database has the tables that this version needs."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def unapplied_migrations() -> list[str]:
    """Return the names of the migrations that `migrate` would apply. Raises django.db.Error."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def how_to_migrate(unapplied: list[str]) -> str:
    """Say in one line what to run, and why."""
    return f"run manage.py migrate; not applied: {', '.join(unapplied)}"
