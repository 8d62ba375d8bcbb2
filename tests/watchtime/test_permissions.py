"""`User.has_perm` says what ModelBackend would, with one statement."""

from typing import Any

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, Group, Permission, User

from watchtime.access import PERMISSIONS

pytestmark = pytest.mark.django_db
OTHERS = ("auth.add_user", "watchtime.no_such", "none.read_totals")


def permission(name: str) -> Permission:
    app_label, _, codename = name.partition(".")
    return Permission.objects.get(content_type__app_label=app_label, codename=codename)


def make(own: tuple[str, ...], of_groups: tuple[tuple[str, ...], ...], **fields: Any) -> User:
    made = User.objects.create_user("clerk", **fields)
    made.user_permissions.set(map(permission, own))
    for number, names in enumerate(of_groups):
        group = Group.objects.create(name=f"group {number}")
        group.permissions.set(map(permission, names))
        made.groups.add(group)
    other = User.objects.create_user("other")
    other.user_permissions.set(map(permission, (*PERMISSIONS, "auth.add_user")))
    return User.objects.get(pk=made.pk)


@pytest.mark.parametrize(
    ("own", "of_groups", "fields"),
    [
        ((), (), {}),
        (("watchtime.read_totals",), (), {}),
        ((), (("watchtime.publish_event",), ("watchtime.publish_event", "auth.add_user")), {}),
        (("watchtime.read_totals",), (("watchtime.read_totals", "watchtime.change_movie"),), {"is_staff": True}),
        (("watchtime.read_totals",), (("watchtime.change_movie",),), {"is_active": False}),
        ((), (), {"is_superuser": True}),
        ((), (), {"is_superuser": True, "is_active": False}),
    ],
)
def test_as_django_has_it(
    own: tuple[str, ...],
    of_groups: tuple[tuple[str, ...], ...],
    fields: dict[str, bool],
    django_assert_max_num_queries: Any,
) -> None:
    clerk = make(own, of_groups, **fields)
    with django_assert_max_num_queries(1):
        found = {name: clerk.has_perm(name) for name in (*PERMISSIONS, *OTHERS)}
    fresh, plain = User.objects.get(pk=clerk.pk), ModelBackend()
    is_root = fresh.is_active and fresh.is_superuser
    assert found == {name: is_root or plain.has_perm(fresh, name) for name in found}
    assert clerk.get_all_permissions() == plain.get_all_permissions(fresh)


def test_nothing_for_single_objects() -> None:
    clerk = make(("watchtime.read_totals",), ())
    assert not clerk.has_perm("watchtime.read_totals", clerk)
    assert clerk.get_all_permissions(clerk) == set()


def test_nothing_without_an_account(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert not AnonymousUser().has_perm("watchtime.read_totals")
