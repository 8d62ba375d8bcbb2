"""The ASGI entry point, for deployments whose server speaks ASGI."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

from watchtime.postgresql.base import DatabaseWrapper

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

application = get_asgi_application()
DatabaseWrapper.patience = settings.DATABASE_TIMEOUT
