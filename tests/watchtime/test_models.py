"""What the tables themselves make sure of."""

import pytest
from django.db import IntegrityError, connection, transaction

from tests.factories import event
from watchtime.fold import fold


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["watchtime_customuser", "watchtime_movie"])
def test_what_has_events_cannot_be_deleted(table: str) -> None:
    fold([event()])
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table}")


@pytest.mark.django_db
def test_no_fold_writes_an_index_for_like() -> None:
    with connection.cursor() as cursor:
        for table in ("watchtime_customuser", "watchtime_movie"):
            names = connection.introspection.get_constraints(cursor, table)
            assert [name for name in names if name.endswith("_like")] == []
