"""Every setting of the service. The only file that reads the environment; .env.example lists it."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="insecure-key-for-debug-only" if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured("Set SECRET_KEY in the environment or in .env (or DEBUG=true for development).")


def _number(name: str, default: float, read: Callable[..., float]) -> Any:
    """Read a number that is not negative. Raises ImproperlyConfigured, by its name."""
    try:
        value = read(name, default=default)
    except ValueError:
        value = -1
    if value < 0:
        raise ImproperlyConfigured(f"{name} must be a number and not negative, not {env.str(name)!r}")
    return value


ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "strawberry_django",
    "ninja",
    "broker",
    "watchtime",
    "schema",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.common.CommonMiddleware",
    "project.middleware.graphql_first",
    "project.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "project.middleware.AuthenticationMiddleware",
    "project.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

BROKER_URL = env.str("BROKER_URL", default="database://")
BROKER_QUEUE = env.str("BROKER_QUEUE", default="watch-time.events")
BROKER_MAX_LENGTH = _number("BROKER_MAX_LENGTH", 5_000_000, env.int)
PUBLISH_TIMEOUT = _number("PUBLISH_TIMEOUT", 5.0, env.float)
CONSUMER_BATCH_SIZE = _number("CONSUMER_BATCH_SIZE", 1000, env.int)
CONSUMER_LINGER_MS = _number("CONSUMER_LINGER_MS", 50, env.int)
OCCURRED_AT_MAX_AHEAD = _number("OCCURRED_AT_MAX_AHEAD", 86_400, env.int)

_database = env.db_url("DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'db.sqlite3'}")
if _database.get("ENGINE") not in {"django.db.backends.sqlite3", "django.db.backends.postgresql"}:
    raise ImproperlyConfigured("DATABASE_URL must start with sqlite:/// or postgres://")
DATABASES = {"default": _database}
_database.update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
if _database["ENGINE"].endswith("sqlite3"):
    # Readers and the one writer go on side by side under WAL. FULL, because NORMAL may lose
    # commits at power loss (https://sqlite.org/pragma.html#pragma_synchronous). IMMEDIATE,
    # because a read lock that turns into a write lock fails at once instead of waiting. A cache
    # of 64 MB, because a batch touches pages all over the indexes and 2 MB do not hold them; and
    # 40 MB of log between checkpoints, so that pages written by many batches are copied once.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": PUBLISH_TIMEOUT,  # a publisher waits for the lock no longer than for a broker
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
            "PRAGMA cache_size=-64000; PRAGMA wal_autocheckpoint=10000;"
        ),
    }
else:
    _database["ENGINE"] = "watchtime.postgresql"
    # Parameters beside the statement, not in it: the fold's arrays go over in binary.
    _database["OPTIONS"] = {"server_side_binding": True, **_database.get("OPTIONS", {})}
DATABASE_TIMEOUT = _number("DATABASE_TIMEOUT", 5.0, env.float)

AUTH_USER_MODEL = "watchtime.CustomUser"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

HOST = env.str("HOST", default="127.0.0.1")
PORT = _number("PORT", 8000, env.int)
WEB_WORKERS = _number("WEB_WORKERS", 1, env.int)
WEB_THREADS = _number("WEB_THREADS", 16, env.int)

# What a GraphQL client may ask for at once.
GRAPHQL_INTROSPECTION = env.bool("GRAPHQL_INTROSPECTION", default=True)  # off: no field suggestions either
GRAPHQL_PAGE_SIZE = 20  # items of a connection when neither first nor last is given
GRAPHQL_MAX_PAGE_SIZE = 100
GRAPHQL_MAX_COUNT = 150_000  # items that a totalCount counts, of all objects of a page; it is null above
GRAPHQL_MAX_EVENTS = 1000  # events that one request publishes
GRAPHQL_MAX_USER_ERRORS = 1000  # errors of events that one mutation reports; then only the first of each event
GRAPHQL_MAX_BATCH = 5  # operations in one request; together they may cost, publish and say what one may
GRAPHQL_MAX_BODY = 2 * 2**20  # bytes; 1,000 events of the longest fields, all escaped, fit in
GRAPHQL_MAX_VALUES = 20_000  # commas and opening brackets in a body; 1,000 events have 7,000
GRAPHQL_MAX_DOCUMENT = 50_000  # characters
GRAPHQL_MAX_TOKENS = 1000  # also lines
GRAPHQL_MAX_DEFINITIONS = 100  # operations and fragments in a document
GRAPHQL_MAX_DEPTH = 15
GRAPHQL_MAX_SELECTIONS = 1000  # each fragment counted as often as it is spread
GRAPHQL_MAX_ALIASES = 30
GRAPHQL_MAX_DIRECTIVES = 30
GRAPHQL_MAX_DUPLICATES = 40  # fields asked for once more in the same selection
GRAPHQL_MAX_COST = 40_000  # about microseconds; see schema.costs
GRAPHQL_MAX_ERRORS = 5  # that validation, and reading the variables, report before they stop
GRAPHQL_TIMEOUT = 10.0  # seconds that an operation may run

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"

# Behind a proxy that ends TLS: secure cookies, HSTS and a redirect of plain HTTP.
HTTPS = env.bool("HTTPS", default=False)
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
if LOG_LEVEL not in logging.getLevelNamesMapping():
    raise ImproperlyConfigured(f"LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR, not {LOG_LEVEL}")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": sys.stderr}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    # pika logs each reconnection at ERROR with a traceback; the broker room says it in one line.
    "loggers": {"pika": {"level": "CRITICAL"}},
}
