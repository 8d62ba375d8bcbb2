from django.apps import AppConfig
from django.core.checks import Tags, register


class WatchTimeConfig(AppConfig):
    name = "watchtime"
    verbose_name = "Watch time"

    def ready(self) -> None:
        """Register the checks, whose module needs the models."""
        from watchtime.checks import keys_can_be_read

        register(keys_can_be_read, Tags.security)
