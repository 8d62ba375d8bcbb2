"""What one test leaves to the next: nothing, however long a busy machine takes."""

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connection

from project.wsgi import application
from tests.backends import KEPT
from tests.factories import event
from watchtime.fold import fold

pytestmark = pytest.mark.django_db(transaction=True)


def counts() -> dict[str, int]:
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.django_table_names(only_existing=True):
            cursor.execute(f"SELECT count(*) FROM {table}")
            (found[table],) = cursor.fetchone()
    return found


def test_what_a_test_made_is_gone_and_what_migrating_makes_is_there() -> None:
    fold([event()])
    before, permissions = counts(), list(Permission.objects.order_by("pk"))
    assert before["watchtime_event"] == 1
    call_command("flush", interactive=False, verbosity=0)
    assert {table for table, count in counts().items() if count} == KEPT
    assert {table: before[table] for table in KEPT} == {table: counts()[table] for table in KEPT}
    assert list(Permission.objects.order_by("pk")) == permissions


@pytest.mark.postgresql
def test_the_web_servers_limit_of_a_statement_is_not_that_of_fixtures() -> None:
    assert application, "its module sets the limit of its process"
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM current_setting('statement_timeout')::interval)")
        assert cursor.fetchone()[0] >= 60 > settings.DATABASE_TIMEOUT
