"""`manage.py export_schema schema.schema:schema`: strawberry_django's command, whose app is not installed."""

from strawberry_django.management.commands.export_schema import Command

__all__ = ["Command"]
