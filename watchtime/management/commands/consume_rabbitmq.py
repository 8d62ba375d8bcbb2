"""`manage.py consume_rabbitmq`: the old service's name of `consume`."""

from watchtime.management.commands.consume import Command

__all__ = ["Command"]
