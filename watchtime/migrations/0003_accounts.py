"""Give the people who log in a table of their own, Django's `auth_user`.

They shared one with the viewers. An account is copied, with its id, password, groups and permissions, when
it can log in, is staff, has a group or a permission, or is in the admin's log; sessions go on. The admin's log is
kept. The viewer of the same name stays when it watched anything, and is removed otherwise.

On a new database there is nothing to move. It cannot be reversed: the viewers have lost what an account needs.
"""

from typing import Any

from django.core.management.color import no_style
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Exists, OuterRef, Q


def move_accounts(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    user_model = apps.get_model("auth", "User")
    viewer_model = apps.get_model("watchtime", "CustomUser")
    log_model = apps.get_model("admin", "LogEntry")
    if user_model._meta.db_table in editor.connection.introspection.table_names():
        return
    editor.create_model(user_model)
    in_log = Exists(log_model.objects.filter(user_id=OuterRef("pk")))
    can_work = Q(is_staff=True) | Q(is_superuser=True) | Q(groups__isnull=False) | Q(user_permissions__isnull=False)
    has_password = ~Q(password__startswith="!")  # nosec B106: Django's mark of an unusable password
    accounts = list(viewer_model.objects.filter(has_password | can_work | in_log).distinct())
    columns = [field.attname for field in user_model._meta.concrete_fields]
    user_model.objects.bulk_create(
        user_model(**{column: getattr(account, column) for column in columns}) for account in accounts
    )
    for name, other in (("groups", "group_id"), ("user_permissions", "permission_id")):
        old, new = (getattr(model, name).through for model in (viewer_model, user_model))
        new.objects.bulk_create(
            new(**{"user_id": row.customuser_id, other: getattr(row, other)}) for row in old.objects.all()
        )
    for statement in editor.connection.ops.sequence_reset_sql(no_style(), [user_model]):
        editor.execute(statement)
    _point_log_at(user_model, viewer_model, log_model, editor)
    watched = apps.get_model("watchtime", "WatchTime").objects.filter(user_id=OuterRef("pk"))
    viewer_model.objects.filter(~Exists(watched), pk__in=[account.pk for account in accounts]).delete()


def _point_log_at(user_model: Any, viewer_model: Any, log_model: Any, editor: BaseDatabaseSchemaEditor) -> None:
    """Make the foreign key of the admin's log one to the accounts."""
    old = models.ForeignKey(viewer_model, models.CASCADE)
    old.set_attributes_from_name("user")
    old.model = log_model
    editor.alter_field(log_model, old, log_model._meta.get_field("user"))


class Migration(migrations.Migration):
    dependencies = [
        ("watchtime", "0002_drop_pattern_indexes"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]
    operations = [migrations.RunPython(move_accounts)]
