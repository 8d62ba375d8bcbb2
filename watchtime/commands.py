"""What the service's own commands have in common."""

from django.core.checks import Tags
from django.core.management.base import BaseCommand


class ServiceCommand(BaseCommand):
    """A command that checks at its start what it uses: the models and the keys of tokens.

    Django would check the URLs, too, and so import the GraphQL schema, which takes longer than everything else that a
    command needs. The web server's workers import it; `manage.py check` looks at everything.
    """

    requires_system_checks = [Tags.models, Tags.security]  # noqa: RUF012 (declared by Django)
