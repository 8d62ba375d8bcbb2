"""Every setting of the service. The only file that reads the environment; .env.example lists it."""

import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ

from project import __version__
from project.env import Reader, is_default_guest, is_loopback, is_remote_plaintext, remote_nodes

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = __version__

environ.Env.read_env(BASE_DIR / ".env")
env = Reader(environ.Env())

DEBUG = env.boolean("DEBUG", False)
SECRET_KEY = env.secret("SECRET_KEY", "insecure-key-for-debug-only" if DEBUG else "")
# The rule of Django's own check security.W009; the prefix is of the keys that `startproject` writes into files.
_is_strong = len(SECRET_KEY) >= 50 and len(set(SECRET_KEY)) >= 5 and not SECRET_KEY.startswith("django-insecure-")
env.require(
    DEBUG or _is_strong,
    "SECRET_KEY is missing, short or no random text. Set SECRET_KEY to at least 50 random characters, such as "
    'python -c "import secrets; print(secrets.token_urlsafe(50))" prints (or DEBUG=true, for development)',
)

SECRET_KEY_FALLBACKS = env.secrets_of("SECRET_KEY_FALLBACKS")

HOST = env.text("HOST", "127.0.0.1", matching=r"[A-Za-z0-9.:_-]+", described="an address or a host name")
PORT = env.integer("PORT", 8000, 1, 65_535)
WEB_WORKERS = env.integer("WEB_WORKERS", min(os.cpu_count() or 1, 4), 1, 256)
WEB_THREADS = env.integer("WEB_THREADS", 8, 1, 256)
env.require(
    not DEBUG or is_loopback(HOST),
    "DEBUG must be false where HOST is not a loopback address such as 127.0.0.1: its error pages show too much",
)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
env.require(DEBUG or "*" not in ALLOWED_HOSTS, "ALLOWED_HOSTS must name the hosts, not *")
env.require(ALLOWED_HOSTS or DEBUG, "ALLOWED_HOSTS must name the hosts that the service answers to")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "ninja",
    "axes",
    "csp",
    "corsheaders",
    "broker",
    "watchtime",
    "schema",
]

MIDDLEWARE = [
    "project.monitoring.monitor",
    "project.monitoring.observe",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "project.middleware.PagePolicy",
    "project.middleware.not_stored",
    "project.middleware.Outages",
    "django.middleware.common.CommonMiddleware",
    "project.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "project.middleware.AuthenticationMiddleware",
    "project.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
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
DEAD_LETTER_DAYS = env.integer("DEAD_LETTER_DAYS", 30, 1, 3_650)
PUBLISH_TIMEOUT = env.number("PUBLISH_TIMEOUT", 5, 0.1, 300)
CONSUMER_BATCH_SIZE = env.integer("CONSUMER_BATCH_SIZE", 1000, 1, 10_000)  # AMQP prefetches at most 65,535, in batches
CONSUMER_LINGER_MS = env.integer("CONSUMER_LINGER_MS", 50, 0, 5_000)
CONSUMER_PORT = env.integer("CONSUMER_PORT", 0, 0, 65_535)  # 0: none
CONSUMER_STALL_SECONDS = env.number("CONSUMER_STALL_SECONDS", 30, 1, 3_600)
OCCURRED_AT_MAX_AHEAD = env.integer("OCCURRED_AT_MAX_AHEAD", 86_400, 0, 3_153_600_000)
RESUME_AFTER_SECONDS = env.integer("RESUME_AFTER_SECONDS", 60, 0, 86_400)
FINISHED_PERCENT = env.number("FINISHED_PERCENT", 5, 0, 100)
FINISHED_SECONDS = env.integer("FINISHED_SECONDS", 300, 0, 86_400)
VIEWER_DAY_MAX_SECONDS = env.integer("VIEWER_DAY_MAX_SECONDS", 0, 0, 1_000_000_000)

_database = env.database_url("DATABASE_URL", f"sqlite:///{BASE_DIR / 'db.sqlite3'}")
DATABASES = {"default": _database}
_on_postgresql = not _database["ENGINE"].endswith("sqlite3")
# Reads of the API go there when it is set; see watchtime.replica.
_replica = "DATABASE_REPLICA_URL"
DATABASE_REPLICA_URL = env.text(_replica, "")
if DATABASE_REPLICA_URL:
    DATABASES["replica"] = env.database_url("DATABASE_REPLICA_URL", "postgres:///unused")
    DATABASES["replica"]["TEST"] = {"MIRROR": "default"}
    env.require(
        _on_postgresql and not DATABASES["replica"]["ENGINE"].endswith("sqlite3"),
        "DATABASE_REPLICA_URL needs PostgreSQL, in DATABASE_URL, too",
    )
DATABASE_ROUTERS = ["watchtime.replica.Router"] if DATABASE_REPLICA_URL else []
# Connections that a process keeps at most, for all its threads; 0: each thread keeps its own.
DATABASE_POOL = env.integer("DATABASE_POOL", 0, 0, 1_000)
DATABASE_TRANSACTION_POOLER = env.boolean("DATABASE_TRANSACTION_POOLER", False)
env.require(_on_postgresql or not DATABASE_POOL, "DATABASE_POOL needs PostgreSQL")
_database.update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
if not _on_postgresql:
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
for _each in DATABASES.values() if _on_postgresql else ():
    _each.update(ENGINE="watchtime.postgresql", CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
    # Parameters beside the statement, not in it: the fold's arrays go over in binary.
    _each["OPTIONS"] = {"server_side_binding": True, **_each.get("OPTIONS", {})}
    if DATABASE_POOL:  # keeps the connections itself
        _each["CONN_MAX_AGE"] = 0
        _each["OPTIONS"]["pool"] = {"min_size": 1, "max_size": DATABASE_POOL, "timeout": PUBLISH_TIMEOUT}
    if DATABASE_TRANSACTION_POOLER:  # one that gives each transaction another connection keeps nothing between them
        _each["DISABLE_SERVER_SIDE_CURSORS"] = True
        _each["OPTIONS"]["prepare_threshold"] = None
DATABASE_TIMEOUT = env.number("DATABASE_TIMEOUT", 5, 0.1, 3_600)

# axes locks a name out for one address, the one that sent wrong passwords, so that nobody can lock somebody
# else out. It counts in the cache, so nothing is kept longer than the lockout.
AUTHENTICATION_BACKENDS = [
    "schema.logins.Lockout",
    "watchtime.permissions.HeldPermissions",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_HANDLER = "axes.handlers.cache.AxesCacheHandler"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=10)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "schema.addresses.client_address"
AXES_SENSITIVE_PARAMETERS = ["username"]  # people type their password there
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
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
GRAPHQL_MAX_BATCH = 5  # operations in one request; together they may ask for what one may
GRAPHQL_MAX_BODY = 2 * 2**20  # bytes; 1,000 events of the longest fields, all escaped, fit in
GRAPHQL_MAX_VALUES = 20_000  # commas and opening brackets in a body; 1,000 events have 8,000
GRAPHQL_MAX_DOCUMENT = 50_000  # characters
GRAPHQL_MAX_TOKENS = 1000  # also lines
GRAPHQL_MAX_DEFINITIONS = 100  # operations and fragments in a document
GRAPHQL_MAX_DEPTH = 15
GRAPHQL_MAX_SELECTIONS = 1000  # each fragment counted as often as it is spread
GRAPHQL_MAX_ALIASES = 30
GRAPHQL_MAX_DIRECTIVES = 30
GRAPHQL_MAX_DUPLICATES = 40  # fields asked for once more in the same selection
GRAPHQL_MAX_FIELDS = 20_000  # of the answer, each as often as it can be there; see schema.limits
GRAPHQL_MAX_ROWS = 2_500  # that the answer can need
GRAPHQL_MAX_INTROSPECTIONS = 1  # __schema or __type fields
GRAPHQL_MAX_ERRORS = 5  # that validation reports before it stops
GRAPHQL_MAX_CACHE = 16 * 2**20  # bytes of parsed documents that a process keeps
GRAPHQL_MAX_PERSISTED = 16 * 2**10  # bytes of a document that is kept under its hash
GRAPHQL_TIMEOUT = 10.0  # seconds that an operation may run

# Who may publish, who may read: see docs/security.md.
ALLOW_ANONYMOUS = env.boolean("ALLOW_ANONYMOUS", False)
env.require(
    not ALLOW_ANONYMOUS or is_loopback(HOST),
    "ALLOW_ANONYMOUS must be false where HOST is not a loopback address such as 127.0.0.1: anyone who reaches it "
    "could publish for anyone and read what anyone watched",
)
ALLOW_UNENCRYPTED = env.boolean("ALLOW_UNENCRYPTED", False)
env.require(
    ALLOW_UNENCRYPTED or all(node.scheme == "amqps" for node in remote_nodes(BROKER_URL)),
    "BROKER_URL must start with amqps:// where the broker is on another machine (or set ALLOW_UNENCRYPTED=true, in a "
    "private network)",
)
env.require(
    ALLOW_UNENCRYPTED or not any(map(is_remote_plaintext, DATABASES.values())),
    "DATABASE_URL and DATABASE_REPLICA_URL must have sslmode=require, verify-ca or verify-full where PostgreSQL is on "
    "another machine (or set ALLOW_UNENCRYPTED=true, in a private network)",
)
env.require(
    not any(map(is_default_guest, remote_nodes(BROKER_URL))),
    "BROKER_URL must name a user with a password where the broker is on another machine, not guest with guest",
)
JWT_SECRET = env.secret("JWT_SECRET")
env.require(
    not JWT_SECRET or len(JWT_SECRET.encode()) >= 32,
    "JWT_SECRET must have at least 32 bytes (RFC 7518, section 3.2)",
)
JWT_PUBLIC_KEY = env.text("JWT_PUBLIC_KEY", "")
JWT_JWKS_FILE = env.text("JWT_JWKS_FILE", "")
JWT_AUDIENCE = env.text("JWT_AUDIENCE", "")
JWT_ISSUER = env.text("JWT_ISSUER", "")
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS")
if CORS_ALLOWED_ORIGINS:  # without any, no request pays for it
    MIDDLEWARE.insert(1, "corsheaders.middleware.CorsMiddleware")

# What a caller may ask for. Counted in the cache: with CACHE_URL for all processes together, else for each.
RATE_LIMIT_EVENTS = env.integer("RATE_LIMIT_EVENTS", 60_000, 6_000, 1_000_000_000)  # a minute, of a token or address
RATE_LIMIT_COST = env.integer("RATE_LIMIT_COST", 60_000_000, 600_000, 1_000_000_000_000)  # µs a minute
CACHE_URL = env.cache_url("CACHE_URL")
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
    # Their number and GRAPHQL_MAX_PERSISTED bound the size of persisted queries, to 32 MB.
    "persisted": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "persisted",
        "OPTIONS": {"MAX_ENTRIES": 2_000, "CULL_FREQUENCY": 20},  # the 100 that were not used for longest go
    },
}
if CACHE_URL:
    CACHES["default"] = CACHES["persisted"] = {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": CACHE_URL,
        # A server that is away limits nobody, and is waited for no longer than this.
        "OPTIONS": {"IGNORE_EXCEPTIONS": True, "SOCKET_CONNECT_TIMEOUT": 0.2, "SOCKET_TIMEOUT": 0.2},
    }
DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = True

# Pages run the service's own scripts alone, and nobody frames them. Fonts and icons are data: URLs in style sheets.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "connect-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'", "data:"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3_600  # seconds; people work here, viewers have no session

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
# They bind every sibling of the host's domain for a year: the domain's owner decides, not this service.
# axes counts in each process where no CACHE_URL is set, and says so; docs/security.md does, too.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021", "axes.W001"]
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"

LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
LOG_FORMAT = env.choice("LOG_FORMAT", "text", ["text", "json"])
LOG_REQUESTS = env.boolean("LOG_REQUESTS", LOG_FORMAT == "json")
SECRETS = env.secrets
DEFAULT_EXCEPTION_REPORTER = "project.error_pages.ErrorReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "project.error_pages.ErrorFilter"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request": {"()": "watchtime.requests.RequestFilter"},
        "faults": {"()": "django.utils.log.CallbackFilter", "callback": "ext://project.logs.is_fault"},
        "secrets": {"()": "project.logs.SecretsFilter", "secrets": env.secrets},
    },
    "formatters": {
        "text": {
            "()": "watchtime.requests.TextFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
        "json": {"()": "project.logs.JSONFormatter"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["request", "faults", "secrets"],
            "stream": "ext://sys.stderr",
        }
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # Django's default configuration sets handlers and levels for these.
        "django": {"handlers": [], "level": "NOTSET"},
        "django.request": {"level": "ERROR"},  # clients' errors are in the log of requests, without their paths
        "django.server": {"handlers": [], "level": "NOTSET", "propagate": True},
        # pika logs each reconnection at ERROR with a traceback; broker/ says it in one line.
        "pika": {"level": "CRITICAL"},
        "axes": {"level": "WARNING"},
        "environ": {"level": "WARNING"},  # each worker would say that there is no .env
        "_granian": {"handlers": []},  # without this it writes to standard output, in a format of its own
        "watchtime.requests": {"level": "INFO" if LOG_REQUESTS else "WARNING"},
        "watchtime.batches": {"level": "INFO" if LOG_REQUESTS else "WARNING"},
    },
}
logging.captureWarnings(True)

# Where web processes share their metrics. `serve` sets it for its workers, since prometheus_client knows no other way.
PROMETHEUS_MULTIPROC_DIR = env.text("PROMETHEUS_MULTIPROC_DIR", "")
SET_FOR_CHILDREN = env.set_for_children
if PROMETHEUS_MULTIPROC_DIR and not CACHE_URL:
    # The workers of `serve` share the files, so that a client sends its document once and not once to each worker.
    CACHES["persisted"] = {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": f"{PROMETHEUS_MULTIPROC_DIR}/persisted",
        "OPTIONS": {"MAX_ENTRIES": 2_000, "CULL_FREQUENCY": 20},
    }

# OpenTelemetry's own variables; it reads them, and others, by itself. Without any of them nothing of it is loaded.
_endpoints = (env.text("OTEL_EXPORTER_OTLP_ENDPOINT", ""), env.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", ""))
_exporter = env.choice("OTEL_TRACES_EXPORTER", "otlp" if any(_endpoints) else "none", ["otlp", "none"])
TRACING = _exporter == "otlp" and not env.boolean("OTEL_SDK_DISABLED", False)
OTEL_SERVICE_NAME = env.text("OTEL_SERVICE_NAME", "")
OTEL_PYTHON_DJANGO_EXCLUDED_URLS = env.text("OTEL_PYTHON_DJANGO_EXCLUDED_URLS", "livez,readyz,metrics")

env.require_valid(LOG_FORMAT)
