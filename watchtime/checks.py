"""What `manage.py check`, and so the start of every command, says of the service's own settings."""

from typing import Any

from django.core.checks import CheckMessage, Error

from watchtime.tokens import UnusableKey, keyring


def keys_can_be_read(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """Report a JWT_PUBLIC_KEY or JWT_JWKS_FILE that no token can be checked by."""
    try:
        keyring()
    except (UnusableKey, OSError) as error:
        return [Error(f"JWT_PUBLIC_KEY or JWT_JWKS_FILE cannot be used: {error}", id="watchtime.E001")]
    return []
