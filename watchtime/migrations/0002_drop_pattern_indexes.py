"""Drop the indexes for LIKE that Django makes on PostgreSQL for unique texts.

Only the admin's search by the beginning of a name would use them, and every fold writes the one of
the viewers' names: their totals are indexed, so an update of one writes each index of the row.
"""

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

TABLES = ("watchtime_customuser", "watchtime_movie")


def drop(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    connection = editor.connection
    if connection.vendor != "postgresql":
        return
    for table in TABLES:
        with connection.cursor() as cursor:
            names = [*connection.introspection.get_constraints(cursor, table)]
        for name in names:
            if name.endswith("_like"):
                editor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")


class Migration(migrations.Migration):
    dependencies = [("watchtime", "0001_initial")]
    operations = [migrations.RunPython(drop, migrations.RunPython.noop)]
