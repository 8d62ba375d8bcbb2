"""Accounts and viewers have nothing to do with each other."""

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models import QuerySet

from tests.factories import event
from watchtime.fold import fold
from watchtime.models import CustomUser

pytestmark = pytest.mark.django_db


def test_an_event_touches_no_account() -> None:
    admin = User.objects.create_superuser("admin", password="vExs8-rest")
    before = User.objects.values().get()
    fold([event(user="admin", at=10)])
    assert User.objects.values().get() == before
    assert CustomUser.objects.get().total_watch_time == 10
    assert CustomUser.objects.get().username == admin.username


def test_an_event_blocks_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    fold([event(user="admin", at=10)])
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "vExs8-rest")
    call_command("createsuperuser", "--no-input", "--username", "admin", "--email", "admin@example.org", verbosity=0)
    assert User.objects.get().check_password("vExs8-rest")
    assert CustomUser.objects.get().total_watch_time == 10


def test_an_account_is_no_viewer() -> None:
    User.objects.create_user("editor", is_staff=True)
    listed: QuerySet[CustomUser] = CustomUser.objects.all()
    assert list(listed) == []


def test_a_viewer_has_nothing_to_log_in_with() -> None:
    names = {field.name for field in CustomUser._meta.get_fields()}
    assert names == {"id", "username", "total_watch_time", "magnitude", "watch_times", "events"}
