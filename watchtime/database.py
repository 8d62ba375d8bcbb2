"""How the service says that its database cannot be used."""

from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError, connection

# Unreachable, full or read-only, or a table or a permission is missing: the request is not the cause.
OUTAGES = (OperationalError, InterfaceError, InternalError, ProgrammingError)


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
