"""The settings: every variable is documented with its default, and `.env` is what it says."""

import os
import re
import runpy
import traceback
from typing import Any

import environ
import pytest

from project.env import BROKER_NUMBERS, DATABASE_NUMBERS, WrongSettings
from tests.processes import EXAMPLE
from tests.services import ROOT

READ = re.compile(r'env\.\w+\("([A-Z_]+)"')
KEY = "only-for-tests-" + "0123456789" * 5


def test_the_example_lists_every_variable_that_is_read() -> None:
    read = READ.findall((ROOT / "project" / "settings.py").read_text())
    listed = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(read)


def load(**variables: str) -> dict[str, Any]:
    """Execute the settings with only these variables, and no .env; return them. Raises WrongSettings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environ.Env, "read_env", lambda *_: None)
        for name in os.environ:
            patch.delenv(name)
        for name, value in {"SECRET_KEY": KEY, **variables}.items():
            patch.setenv(name, value)
        return runpy.run_path(str(ROOT / "project" / "settings.py"))


def refusal(**variables: str) -> list[str]:
    """Return the lines by which settings are refused."""
    with pytest.raises(WrongSettings) as error:
        load(**variables)
    return str(error.value).strip().splitlines()


def documented(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: settings.get(name) for name in EXAMPLE}


def test_the_example_gives_the_defaults() -> None:
    example = {name: value for name, value in EXAMPLE.items() if name != "SECRET_KEY"}
    assert documented(load())["CONSUMER_BATCH_SIZE"] == 1000
    assert documented(load(**example)) == documented(load())


def test_one_file_reads_the_environment() -> None:
    readers = [
        str(path.relative_to(ROOT))
        for package in ("project", "schema", "watchtime", "broker")
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"\benviron\b.*\[|os\.getenv|environ\.get|environ\.Env", path.read_text())
    ]
    assert readers == ["project/settings.py"]


def test_a_databases_url_may_have_options_of_its_own() -> None:
    url = "postgres://someone@db.example/watchtime?sslmode=require&connect_timeout=2"
    options = load(DATABASE_URL=url)["DATABASES"]["default"]["OPTIONS"]
    assert (options["sslmode"], options["connect_timeout"]) == ("require", 2)


@pytest.mark.parametrize(
    "given",
    [
        *(
            f"{name}={value}"
            for name in ("DEBUG", "HTTPS", "GRAPHQL_INTROSPECTION")
            for value in ("ja", "maybe", "2", "")
        ),
        *(f"PORT={value}" for value in ("0", "-1", "65536", "8000.0", "8_000", "٨٠", "", "9" * 5000)),
        *(f"WEB_WORKERS={value}" for value in ("0", "-1", "257")),
        *(f"WEB_THREADS={value}" for value in ("0", "-4", "100000")),
        *(f"PUBLISH_TIMEOUT={value}" for value in ("0", "-1", "nan", "inf", "1e9", "soon")),
        *(f"DATABASE_TIMEOUT={value}" for value in ("0", "-1", "nan", "inf", "1e9")),
        *(f"CONSUMER_BATCH_SIZE={value}" for value in ("0", "-1", "16384", str(10**21))),
        *(f"CONSUMER_LINGER_MS={value}" for value in ("-1", "60000", "0.5")),
        *(f"BROKER_MAX_LENGTH={value}" for value in ("0", "-1", str(10**21))),
        *(f"BROKER_QUEUE={value}" for value in ("", "amq.events", "a b", "x" * 201, "$MISSING")),
        *(f"BROKER_URL={value}" for value in ("", "amqp://", "amqps:///", "redis://h", "database://x", "amqp://h:0")),
        *(f"BROKER_URL={value}" for value in ("amqp://h:99999", "amqp://a,", "amqp://a,b", "amqp://u:p@/vhost")),
        *(f"DATABASE_URL={value}" for value in ("", "mysql://h/d", "sqlite://", "sqlite:///", "sqlite:///:memory:")),
        *(f"DATABASE_URL={value}" for value in ("postgres://", "postgres://h", "postgres://h:x/d", "$MISSING")),
        *(f"BROKER_URL=amqp://localhost/?{option}=-1" for option in BROKER_NUMBERS),
        *(f"BROKER_URL=amqp://localhost/?{option}" for option in ("heartbeat=65536", "heartbeat=NaN", "heartbeat=")),
        *(f"BROKER_URL=amqp://localhost/?{option}" for option in ("channel_max=65536", "frame_max=10", "heartbeet=3")),
        *(f"DATABASE_URL=postgres:///d?{option}=-1" for option in DATABASE_NUMBERS),
        *(f"DATABASE_URL=postgres:///d?{option}" for option in ("connect_timeout=x", "keepalives=2", "nonsense=1")),
        *(f"HOST={value}" for value in ("", "http://h", "a b")),
        *(f"LOG_LEVEL={value}" for value in ("", "LOUD", "NOTSET")),
        *(f"SECRET_KEY={value}" for value in ("", "short", "x" * 100, f"django-insecure-{KEY}")),
        *(f"ALLOWED_HOSTS={value}" for value in ("", " , ", "*", "example.com,*")),
        *(f"JWT_SECRET={value}" for value in ("short", "x" * 31)),
        *(f"TRUSTED_PROXIES={value}" for value in ("proxy", "10.0.0.0/33", "10.0.0.1/8", "*")),
        *(f"CORS_ALLOWED_ORIGINS={value}" for value in ("*", "example.com", "https://a.example/path", "null")),
        *(f"CACHE_URL={value}" for value in ("localhost", "memcached://h", "redis://h:x")),
        *(f"RATE_LIMIT_EVENTS={value}" for value in ("0", "-1", "none")),
        *(f"RATE_LIMIT_COST={value}" for value in ("0", "-1", "none")),
        *("HSTS_PRELOAD=true", "HSTS_INCLUDE_SUBDOMAINS=true"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(given: str) -> None:
    name, _, value = given.partition("=")
    lines = refusal(**{name: value})
    assert [line.split()[0] for line in lines] == [name]
    assert len(lines[0]) < 250


@pytest.mark.parametrize(
    "given",
    [
        "BROKER_URL=amqp://localhost/?heartbeat=30&connection_attempts=2&blocked_connection_timeout=5",
        "BROKER_URL=amqp://localhost/?frame_max=131072&channel_max=65535&socket_timeout=1&stack_timeout=9&retry_delay=0",
        "DATABASE_URL=postgres:///d?connect_timeout=3&keepalives_idle=10&tcp_user_timeout=5000&application_name=x",
        "DATABASE_URL=postgres:///d?options=-c%20search_path%3Dx&target_session_attrs=read-write",
    ],
)
def test_options_of_a_url(given: str) -> None:
    name, _, value = given.partition("=")
    assert load(**{name: value})["DATABASES"]


@pytest.mark.parametrize("wrong", ["x", "postgres://u:p/w@h/d", "postgres://h", "postgres:///d?keepalives=2"])
def test_a_wrong_replica_is_refused_by_its_name(wrong: str) -> None:
    lines = refusal(DATABASE_URL="postgres:///d", DATABASE_REPLICA_URL=wrong)
    assert [line.split()[0] for line in lines] == ["DATABASE_REPLICA_URL"]


def test_all_problems_are_found_at_once() -> None:
    wrong = {"PORT": "x", "HTTPS": "ja", "SECRET_KEY": "short", "BROKER_URL": "amqp://", "CONSUMER_BATCH_SIZE": "0"}
    assert {line.split()[0] for line in refusal(**wrong)} == set(wrong)


@pytest.mark.parametrize(("value", "expected"), [("yes", True), ("ON", True), ("1", True), ("No", False), ("0", False)])
def test_a_boolean_may_be_written_in_several_ways(value: str, expected: bool) -> None:
    assert load(HTTPS=value)["HTTPS"] is expected


@pytest.mark.parametrize("name", ["BROKER_URL", "DATABASE_URL"])
@pytest.mark.parametrize(
    "password", ["12/s3cr3t", "s3cr3t/x", "12#s3cr3t", "s3cr3t?x", "12?s3cr3t", "[s3cr3t", "s3cr3t:x/"]
)
def test_no_part_of_a_password_is_shown(name: str, password: str) -> None:
    scheme = {"BROKER_URL": "amqp", "DATABASE_URL": "postgres"}[name]
    with pytest.raises(WrongSettings, match=name) as error:
        load(**{name: f"{scheme}://someone:{password}@h:5/d"})
    assert "s3cr3t" not in "".join(traceback.format_exception(error.value))
    assert "12" not in str(error.value)


def test_a_password_may_have_every_character_percent_encoded() -> None:
    url = "postgres://u:%2F%23%3F%40%25@h/d?sslmode=require"
    database = load(DATABASE_URL=url)["DATABASES"]["default"]
    assert (database["PASSWORD"], database["HOST"]) == ("/#?@%", "h")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com"])
def test_debug_does_not_start_where_others_reach_it(host: str) -> None:
    assert "DEBUG must be false" in "".join(refusal(DEBUG="true", HOST=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_debug_starts_on_loopback(host: str) -> None:
    assert load(DEBUG="true", HOST=host, SECRET_KEY="")["DEBUG"]


def test_https_does_not_bind_other_hosts_of_the_domain_unless_asked_to() -> None:
    names = ("INCLUDE_SUBDOMAINS", "PRELOAD", "SECONDS")
    bound = load(HTTPS="true")
    assert [bound[f"SECURE_HSTS_{name}"] for name in names] == [False, False, 31_536_000]
    asked = {"HSTS_INCLUDE_SUBDOMAINS": "true", "HSTS_PRELOAD": "true"}
    bound = load(HTTPS="true", **asked)
    assert [bound[f"SECURE_HSTS_{name}"] for name in names] == [True, True, 31_536_000]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com"])
def test_a_service_that_others_reach_is_closed(host: str) -> None:
    assert "ALLOW_ANONYMOUS must be false" in "".join(refusal(ALLOW_ANONYMOUS="true", HOST=host))
    assert load(HOST=host)["HOST"] == host


def test_it_is_closed_unless_told_otherwise() -> None:
    assert [load()["ALLOW_ANONYMOUS"], load(ALLOW_ANONYMOUS="true")["ALLOW_ANONYMOUS"]] == [False, True]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("BROKER_URL", "amqp://user:password@broker.example:5672/", "amqps://"),
        ("BROKER_URL", "amqps://user:p@a.example,amqp://user:p@b.example", "amqps://"),
        ("BROKER_URL", "amqps://guest:guest@broker.example:5671/", "guest"),
        ("BROKER_URL", "amqps://broker.example:5671/", "guest"),
        ("DATABASE_URL", "postgres://user:password@db.example/watchtime", "sslmode"),
        ("DATABASE_URL", "postgres://user:password@db.example/watchtime?sslmode=prefer", "sslmode"),
        ("DATABASE_URL", "postgres:///watchtime?host=db.example", "sslmode"),
        ("DATABASE_URL", "postgres:///watchtime?hostaddr=192.0.2.1", "sslmode"),
        ("DATABASE_URL", "postgres://user@localhost/watchtime?hostaddr=192.0.2.1", "sslmode"),
        ("DATABASE_URL", "postgres://user@127.0.0.1,db.example/watchtime", "sslmode"),
    ],
)
def test_what_is_unsafe_on_a_network_does_not_start(name: str, value: str, problem: str) -> None:
    (line,) = refusal(**{name: value})
    assert line.startswith(name)
    assert problem in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/"),
        ("BROKER_URL", "amqp://localhost"),
        ("BROKER_URL", "amqps://user:password@broker.example:5671/"),
        ("DATABASE_URL", "postgres://user@localhost/watchtime"),
        ("DATABASE_URL", "postgres://user@%2Frun%2Fpostgresql/watchtime"),
        ("DATABASE_URL", "postgres:///watchtime?host=/run/postgresql"),
        ("DATABASE_URL", "postgres:///watchtime?host=db.example&sslmode=verify-full"),
        ("DATABASE_URL", "postgres://user@db.example/watchtime?sslmode=verify-full"),
    ],
)
def test_what_is_safe_starts(name: str, value: str) -> None:
    assert load(**{name: value})["DATABASES"]


def test_a_network_of_ones_own_may_do_without_tls() -> None:
    urls = {"BROKER_URL": "amqp://user:password@broker/", "DATABASE_URL": "postgres://user@db/watchtime"}
    assert load(ALLOW_UNENCRYPTED="true", **urls)["BROKER_URL"] == urls["BROKER_URL"]
    assert "guest" in "".join(refusal(ALLOW_UNENCRYPTED="true", BROKER_URL="amqp://broker"))
