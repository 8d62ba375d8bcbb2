"""The WSGI entry point, which `manage.py serve` runs."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from watchtime.postgresql.base import DatabaseWrapper

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

application = get_wsgi_application()
DatabaseWrapper.patience = settings.DATABASE_TIMEOUT
