"""Every setting of the service. The only file that reads the environment; .env.example lists it."""

import logging
import sys
from pathlib import Path

import environ

from project.env import Reader, is_loopback

BASE_DIR = Path(__file__).resolve().parent.parent

environ.Env.read_env(BASE_DIR / ".env")
env = Reader(environ.Env())

DEBUG = env.boolean("DEBUG", False)
SECRET_KEY = env.secret("SECRET_KEY", "insecure-key-for-debug-only" if DEBUG else "")
# The rule of Django's own check security.W009.
env.require(
    DEBUG or (len(SECRET_KEY) >= 50 and len(set(SECRET_KEY)) >= 5),
    "SECRET_KEY is missing, short or no random text. Set SECRET_KEY to at least 50 random characters, such as "
    'python -c "import secrets; print(secrets.token_urlsafe(50))" prints (or DEBUG=true, for development)',
)

HOST = env.text("HOST", "127.0.0.1", matching=r"[A-Za-z0-9.:_-]+", described="an address or a host name")
PORT = env.integer("PORT", 8000, 1, 65_535)
WEB_WORKERS = env.integer("WEB_WORKERS", 1, 1, 256)
WEB_THREADS = env.integer("WEB_THREADS", 16, 1, 256)
env.require(
    not DEBUG or is_loopback(HOST),
    "DEBUG must be false where HOST is not a loopback address such as 127.0.0.1: its error pages show too much",
)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
env.require(ALLOWED_HOSTS or DEBUG, "ALLOWED_HOSTS must name the hosts that the service answers to")

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
    "project.monitoring.monitor",
    "project.monitoring.observe",
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

BROKER_URL = env.broker_url("BROKER_URL", "database://")
BROKER_QUEUE = env.queue_name("BROKER_QUEUE", "watch-time.events")
BROKER_MAX_LENGTH = env.integer("BROKER_MAX_LENGTH", 5_000_000, 1, 1_000_000_000)
PUBLISH_TIMEOUT = env.number("PUBLISH_TIMEOUT", 5, 0.1, 300)
CONSUMER_BATCH_SIZE = env.integer("CONSUMER_BATCH_SIZE", 1000, 1, 10_000)  # AMQP prefetches at most 65,535, in batches
CONSUMER_LINGER_MS = env.integer("CONSUMER_LINGER_MS", 50, 0, 5_000)
CONSUMER_PORT = env.integer("CONSUMER_PORT", 0, 0, 65_535)  # 0: none
CONSUMER_STALL_SECONDS = env.number("CONSUMER_STALL_SECONDS", 30, 1, 3_600)
OCCURRED_AT_MAX_AHEAD = env.integer("OCCURRED_AT_MAX_AHEAD", 86_400, 0, 3_153_600_000)

_database = env.database_url("DATABASE_URL", f"sqlite:///{BASE_DIR / 'db.sqlite3'}")
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
DATABASE_TIMEOUT = env.number("DATABASE_TIMEOUT", 5, 0.1, 3_600)

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

# What a GraphQL client may ask for at once.
GRAPHQL_INTROSPECTION = env.boolean("GRAPHQL_INTROSPECTION", True)  # off: no field suggestions either
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
MACHINE_TIME_ZONE = env.text("TZ", "")  # read here, because Django then sets TZ to its own
USE_I18N = False
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"

# Behind a proxy that ends TLS: secure cookies, HSTS and a redirect of plain HTTP.
HTTPS = env.boolean("HTTPS", False)
HSTS_INCLUDE_SUBDOMAINS = env.boolean("HSTS_INCLUDE_SUBDOMAINS", False)
HSTS_PRELOAD = env.boolean("HSTS_PRELOAD", False)
env.require(HTTPS or not HSTS_INCLUDE_SUBDOMAINS, "HSTS_INCLUDE_SUBDOMAINS needs HTTPS=true")
env.require(HSTS_INCLUDE_SUBDOMAINS or not HSTS_PRELOAD, "HSTS_PRELOAD needs HSTS_INCLUDE_SUBDOMAINS=true")
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HSTS_INCLUDE_SUBDOMAINS
SECURE_HSTS_PRELOAD = HSTS_PRELOAD
# They bind every sibling of the host's domain for a year: whoever owns the domain decides, not this service.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"

LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
LOG_FORMAT = env.choice("LOG_FORMAT", "text", ["text", "json"])
LOG_REQUESTS = env.boolean("LOG_REQUESTS", LOG_FORMAT == "json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request": {"()": "watchtime.requests.RequestFilter"}},
    "formatters": {
        "text": {
            "()": "watchtime.requests.TextFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "{levelname}{name}{message}",
            "style": "{",
            "timestamp": True,
            "rename_fields": {"levelname": "level", "name": "logger"},
        },
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["request"],
            "stream": sys.stderr,
        }
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # Django's own configuration has handlers and levels of its own for these.
        "django": {"handlers": [], "level": "NOTSET"},
        "django.request": {"level": "ERROR"},  # clients' errors are in the log of requests, without their paths
        "django.server": {"handlers": [], "level": "NOTSET", "propagate": True},
        # pika logs each reconnection at ERROR with a traceback; broker/ says it in one line.
        "pika": {"level": "CRITICAL"},
        "watchtime.requests": {"level": "INFO" if LOG_REQUESTS else "WARNING"},
        "watchtime.batches": {"level": "INFO" if LOG_REQUESTS else "WARNING"},
    },
}
logging.captureWarnings(True)

# Where web processes share their metrics; `serve` sets it for them.
PROMETHEUS_MULTIPROC_DIR = env.text("PROMETHEUS_MULTIPROC_DIR", "")

env.require_valid()
