"""What accounts may do by Django's permissions, read in one statement."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import connection

HELD = """
    SELECT django_content_type.app_label, auth_permission.codename
    FROM auth_permission JOIN django_content_type ON django_content_type.id = auth_permission.content_type_id
    WHERE auth_permission.id IN (
        SELECT permission_id FROM auth_user_user_permissions WHERE user_id = %s
        UNION ALL
        SELECT permission_id FROM auth_group_permissions JOIN auth_user_groups USING (group_id) WHERE user_id = %s
    )
"""


class HeldPermissions:
    """An authentication backend that answers `User.has_perm`, before ModelBackend is asked.

    ModelBackend reads an account's own permissions and those of its groups in two statements. To build and run them
    took half of a request with a session. Logging in and sessions are ModelBackend's.
    """

    def authenticate(self, _request: Any, **_credentials: Any) -> None:
        """Return None: other backends decide."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Return True when the account has the permission, which is `app_label.codename`, for all objects.

        Raises PermissionDenied otherwise, so that Django asks no other backend.
        """
        if obj is None and user_obj.is_active and perm in self.get_all_permissions(user_obj):
            return True
        raise PermissionDenied

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Return the permissions of the account and its groups, as they were when this was asked first."""
        if obj is not None or not user_obj.is_active:
            return set()
        if not hasattr(user_obj, "held_permissions"):
            user_obj.held_permissions = _held(user_obj.pk)
        return set(user_obj.held_permissions)


def _held(pk: int) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(HELD, [pk, pk])
        return {f"{app_label}.{codename}" for app_label, codename in cursor.fetchall()}
