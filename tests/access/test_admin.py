"""The admin: who may change accounts cannot give themselves more than they have, and who changed what is logged."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from tests.access.conftest import PASSWORD, Login
from watchtime.models import CustomUser, Movie

pytestmark = pytest.mark.django_db
CLERKS = ("add_user", "change_user", "delete_user", "view_user", "add_group", "change_group", "delete_group")


@pytest.fixture
def clerk(account: Login) -> User:
    """Someone of the staff who may change accounts and groups, and is in one."""
    made: User = account("clerk", is_staff=True)
    made.user_permissions.set(Permission.objects.filter(content_type__app_label="auth", codename__in=CLERKS))
    made.groups.add(Group.objects.create(name="office"))
    return made


@pytest.fixture
def client(client: Client, clerk: User) -> Client:
    client.force_login(clerk, "django.contrib.auth.backends.ModelBackend")
    return client


RIGHTS = {"is_active": "on", "is_staff": "on", "is_superuser": "on"}


def test_an_account_without_rights_stays_without(client: Client, account: Login) -> None:
    old = account("old")
    group = Group.objects.get()
    address = reverse("admin:auth_user_change", args=[old.pk])
    permissions = list(Permission.objects.values_list("pk", flat=True))
    sent = {
        "username": "new",
        "email": "new@example.org",
        **RIGHTS,
        "user_permissions": permissions,
        "groups": group.pk,
    }
    assert client.post(address, sent).status_code == 302
    old.refresh_from_db()
    assert (old.username, old.email) == ("new", "new@example.org")
    assert (old.is_staff, old.is_superuser) == (False, False)
    assert not old.user_permissions.exists()
    assert not old.groups.exists()


def test_nobody_is_locked_out(client: Client, account: Login) -> None:
    old = account("old")
    client.post(reverse("admin:auth_user_change", args=[old.pk]), {"username": "old"})
    old.refresh_from_db()
    assert old.is_active
    assert old.check_password(PASSWORD)


def test_not_their_own_account(client: Client, clerk: User) -> None:
    address = reverse("admin:auth_user_change", args=[clerk.pk])
    assert client.post(address, {"username": "clerk", **RIGHTS}).status_code == 403
    clerk.refresh_from_db()
    assert not clerk.is_superuser


@pytest.mark.parametrize("fields", [{"is_staff": True}, {"is_superuser": True}, {}])
def test_not_accounts_with_rights(client: Client, account: Login, fields: dict[str, bool]) -> None:
    other = account("other", "read_totals", **fields)
    address = reverse("admin:auth_user_change", args=[other.pk])
    assert client.post(address, {"username": "mine", "email": "mine@example.org"}).status_code == 403
    assert client.post(reverse("admin:auth_user_delete", args=[other.pk]), {"post": "yes"}).status_code == 403
    other.refresh_from_db()
    assert other.username == "other"


def test_an_inactive_account_keeps_its_rights_to_itself(client: Client, account: Login) -> None:
    by_group = account("by-group", is_active=False)
    by_group.groups.add(Group.objects.create(name="readers"))
    Group.objects.get(name="readers").permissions.add(Permission.objects.get(codename="read_totals"))
    for other in (account("gone", "read_totals", is_active=False), by_group):
        address = reverse("admin:auth_user_change", args=[other.pk])
        assert client.post(address, {"username": "mine", "email": "mine@example.org"}).status_code == 403


def test_no_page_shows_a_stored_password(client: Client, clerk: User, account: Login) -> None:
    for other in (account("old"), account("root", is_superuser=True, is_staff=True), clerk):
        page = client.get(reverse("admin:auth_user_change", args=[other.pk]))
        assert page.status_code == 200
        _, salt, stored = other.password.split("$")
        assert not [part for part in (other.password, salt, stored) if part in page.content.decode()]


def test_not_other_peoples_passwords(client: Client, account: Login) -> None:
    new = {"password1": "taken-8-over", "password2": "taken-8-over", "set-password": "1", "usable_password": "true"}
    for other in (account("old"), account("root", is_superuser=True, is_staff=True)):
        address = reverse("admin:auth_user_password_change", args=[other.pk])
        assert client.get(address).status_code == 403
        assert client.post(address, new).status_code == 403
        other.refresh_from_db()
        assert other.check_password(PASSWORD)


def test_not_by_bulk(client: Client, account: Login) -> None:
    old = account("old")
    bulk = {"action": "delete_selected", "_selected_action": old.pk, "post": "yes"}
    client.post(reverse("admin:auth_user_changelist"), bulk)
    assert User.objects.filter(pk=old.pk).exists()


def test_not_by_a_group(client: Client) -> None:
    group = Group.objects.get()
    everything = list(Permission.objects.values_list("pk", flat=True))
    sent = {"name": "office", "permissions": everything}
    assert client.post(reverse("admin:auth_group_change", args=[group.pk]), sent).status_code == 403
    assert client.post(reverse("admin:auth_group_add"), {"name": "mine", "permissions": everything}).status_code == 403
    assert client.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"}).status_code == 403
    assert not group.permissions.exists()


def test_a_new_account_has_no_rights(client: Client) -> None:
    sent = {"username": "new", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD, **RIGHTS}
    assert client.post(reverse("admin:auth_user_add"), sent).status_code == 302
    new = User.objects.get(username="new")
    assert (new.is_staff, new.is_superuser, new.get_all_permissions()) == (False, False, set())


def test_a_superuser_does_all_that(client: Client, account: Login) -> None:
    client.force_login(account("root", is_superuser=True, is_staff=True), "django.contrib.auth.backends.ModelBackend")
    old = account("old")
    address = reverse("admin:auth_user_change", args=[old.pk])
    sent = {"username": "old", **RIGHTS, "date_joined_0": "2026-11-22", "date_joined_1": "12:30:00"}
    assert client.post(address, sent).status_code == 302
    old.refresh_from_db()
    assert old.is_superuser


def test_people_log_in(client: Client, clerk: User) -> None:
    client.logout()
    response = client.post("/admin/login/?next=/admin/", {"username": "clerk", "password": PASSWORD})
    assert response.status_code == 302
    cookie = client.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    page = client.get("/admin/")
    assert page.status_code == 200
    policy = page["Content-Security-Policy"].split("; ")
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page["Referrer-Policy"] == "same-origin"


def test_a_viewer_is_named_as_in_an_event(client: Client, account: Login) -> None:
    client.force_login(account("root", is_superuser=True, is_staff=True), "django.contrib.auth.backends.ModelBackend")
    for name in ("\uff41nna", "\ufb01nn", "anna\u3164", "a nna", "x" * 101):
        page = client.post(reverse("admin:watchtime_customuser_add"), {"username": name})
        assert page.status_code == 200
        assert list(page.context["adminform"].form.errors) == ["username"]
    assert client.post(reverse("admin:watchtime_customuser_add"), {"username": "\u0430nna"}).status_code == 302
    assert [viewer.username for viewer in CustomUser.objects.all()] == ["\u0430nna"]


class TestAudit:
    @pytest.fixture
    def root(self, client: Client, account: Login) -> User:
        made: User = account("root", is_superuser=True, is_staff=True)
        client.force_login(made, "django.contrib.auth.backends.ModelBackend")
        return made

    def test_every_change_is_a_line(
        self,
        client: Client,
        root: User,
        account: Login,
        caplog: pytest.LogCaptureFixture,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        old, movie, gone = account("old"), Movie.objects.create(slug="alien"), CustomUser.objects.create(username="x")
        sent = {"username": "old", **RIGHTS, "date_joined_0": "2026-11-22", "date_joined_1": "12:30:00"}
        new = {"password1": "taken-8-over", "password2": "taken-8-over", "set-password": "1", "usable_password": "true"}
        with caplog.at_level("INFO", "watchtime.audit"), django_capture_on_commit_callbacks(execute=True):
            client.post(reverse("admin:auth_user_change", args=[old.pk]), sent)
            client.post(reverse("admin:auth_user_password_change", args=[old.pk]), new)
            client.post(reverse("admin:auth_group_add"), {"name": "readers"})
            client.post(reverse("admin:watchtime_movie_change", args=[movie.pk]), {"slug": "alien", "title": "Alien"})
            client.post(reverse("admin:watchtime_customuser_delete", args=[gone.pk]), {"post": "yes"})
            bulk = {"action": "delete_selected", "_selected_action": old.pk, "post": "yes"}
            client.post(reverse("admin:auth_user_changelist"), bulk)
        done = [(line.split(" by ")[0], line.partition('"model": ')[2].split(",")[0]) for line in caplog.messages]
        assert done == [
            ("admin changed", '"auth.user"'),
            ("admin changed", '"auth.user"'),
            ("admin added", '"auth.group"'),
            ("admin changed", '"watchtime.movie"'),
            ("admin deleted", '"watchtime.customuser"'),
            ("admin deleted", '"auth.user"'),
        ]
        assert all(' by "account root"' in line for line in caplog.messages)
        assert "taken-8-over" not in caplog.text

    def test_what_was_not_done_is_none(
        self, client: Client, clerk: User, caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Any
    ) -> None:
        with caplog.at_level("INFO", "watchtime.audit"), django_capture_on_commit_callbacks(execute=True):
            client.post(reverse("admin:auth_user_change", args=[clerk.pk]), {"username": "clerk", **RIGHTS})
            client.post(reverse("admin:auth_user_add"), {"username": "new", "password1": "x", "password2": "y"})
        assert caplog.messages == []
