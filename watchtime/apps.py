from django.apps import AppConfig


class WatchTimeConfig(AppConfig):
    name = "watchtime"
    verbose_name = "Watch time"
