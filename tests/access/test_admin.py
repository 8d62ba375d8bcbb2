"""The admin: who may change accounts cannot give themselves more than they have."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from tests.access.conftest import PASSWORD, Login

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
