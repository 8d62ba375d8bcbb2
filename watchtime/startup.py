"""What a command looks at before it starts its work, and how it says that the database is not as it should be."""

from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def require_migrations() -> None:
    """Raise CommandError, which says what to run, when the database lacks migrations.

    Raises OperationalError when the database cannot be asked.
    """
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in missing[:3])
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise CommandError(
            f"the database {database_address()} lacks migrations ({names}{more}); run: python manage.py migrate"
        )


def database_address() -> str:
    """Return which database is used: a file, or user, host and name. Never its password."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return str(database["NAME"])
    user = f"{database['USER']}@" if database["USER"] else ""
    return f"{user}{database['HOST'] or 'localhost'}:{database['PORT'] or 5432}/{database['NAME']}"


def explain(error: Exception) -> str:
    """Return one line that says which database cannot be used, and why."""
    return f"the database {database_address()} cannot be used: {' '.join(str(error).split())}"
