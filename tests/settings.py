"""The service's settings for tests: a database and queues of this run's own, whatever .env says."""

import os
import tempfile
from pathlib import Path
from uuid import uuid4

from tests.services import POSTGRESQL_URL

RUN = uuid4().hex[:12]
SQLITE_FILE = Path(tempfile.gettempdir()) / f"watchtime-test-{RUN}.sqlite3"
ON_POSTGRESQL = os.environ.get("TEST_DATABASE") == "postgresql"

os.environ.update(
    SECRET_KEY="only-for-tests-" + uuid4().hex * 2,
    DEBUG="false",
    HTTPS="false",
    ALLOWED_HOSTS="localhost,127.0.0.1,testserver",
    DATABASE_URL=POSTGRESQL_URL if ON_POSTGRESQL else f"sqlite:///{SQLITE_FILE}",
    ALLOW_ANONYMOUS="true",  # the tests of who may do what turn it off
    JWT_SECRET="only-for-tests-" + uuid4().hex * 2,
    RATE_LIMIT_EVENTS="1000000000",
    RATE_LIMIT_COST="1000000000000",
    BROKER_URL="database://",
    BROKER_QUEUE=f"test-{RUN}.events",
)

from project.settings import *  # noqa: E402, F403
from project.settings import DATABASES  # noqa: E402

# A real file: what SQLite does in memory (no WAL, one connection) is not what the service runs on.
DATABASES["default"]["TEST"] = {"NAME": f"test_{RUN}" if ON_POSTGRESQL else str(SQLITE_FILE)}
DATABASES["default"]["ENGINE"] = "tests.backends." + ("postgresql" if ON_POSTGRESQL else "sqlite3")
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
