"""The service's settings for tests: a database and a queue of this run's own."""

import os
from uuid import uuid4

os.environ.setdefault("SECRET_KEY", "only-for-tests-" + uuid4().hex * 2)

from project.settings import *  # noqa: F403
from project.settings import DATABASES

RUN = uuid4().hex[:12]
BROKER_URL = "database://"
BROKER_QUEUE = f"test-{RUN}.events"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# A real file: what SQLite does in memory (no WAL, one connection) is not what the service runs on.
DATABASES["default"]["TEST"] = {
    "NAME": f"test_{RUN}" if "postgresql" in DATABASES["default"]["ENGINE"] else f"/tmp/watchtime-test-{RUN}.sqlite3"
}
