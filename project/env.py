"""A typed reader for settings: every value is checked, and every problem is reported at once, by the setting's name."""

import ipaddress
import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from environ import Env

TRUE = frozenset({"true", "yes", "on", "1"})
FALSE = frozenset({"false", "no", "off", "0"})
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
POSTGRESQL_URL = re.compile(r"(postgres|postgresql|psql|pgsql)://")
# What a URL may say after its ?: numbers from the first to the last, and other texts.
BROKER_NUMBERS = {
    "blocked_connection_timeout": (0, 3_600),
    "channel_max": (1, 65_535),
    "connection_attempts": (1, 100),
    "frame_max": (4_096, 131_072),
    "heartbeat": (0, 65_535),
    "retry_delay": (0, 3_600),
    "socket_timeout": (1, 300),
    "stack_timeout": (1, 300),
}
BROKER_TEXTS = frozenset({"locale", "ssl_options", "tcp_options"})
DATABASE_NUMBERS = {
    "connect_timeout": (0, 3_600),
    "keepalives": (0, 1),
    "keepalives_count": (0, 100),
    "keepalives_idle": (0, 3_600),
    "keepalives_interval": (0, 3_600),
    "tcp_user_timeout": (0, 3_600_000),
}
T = TypeVar("T")
LONGEST_SHOWN = 40  # characters of a wrong value in its error
ENCODE = "write / # ? @ % and spaces in a user name or password percent-encoded, such as %2F for /"


class WrongSettings(ImproperlyConfigured):
    """Settings that are wrong, all of them; and the format that the log would have had."""

    def __init__(self, problems: Sequence[str], log_format: str) -> None:
        super().__init__("".join(f"\n  {problem}" for problem in problems))
        self.log_format = log_format


class Reader:
    """Reads settings from the environment through django-environ.

    A value that is wrong is noted, and its default is used until `require_valid` reports them all.
    """

    def __init__(self, env: Env) -> None:
        self._env = env
        self._problems: list[str] = []
        self.secrets: list[str] = []

    def require(self, condition: object, problem: str) -> None:
        """Note a problem unless the condition holds."""
        if not condition:
            self._problems.append(problem)

    def require_valid(self, log_format: str) -> None:
        """Raise WrongSettings with every problem that was noted."""
        if self._problems:
            raise WrongSettings(self._problems, log_format)

    def set_for_children(self, name: str, value: str) -> None:
        """Set a variable for the processes that this one starts."""
        self._env.ENVIRON[name] = value

    def text(self, name: str, default: str, *, matching: str = "", described: str = "") -> str:
        """Return a text; one that must match a pattern is described in the error."""
        raw = self._env.ENVIRON.get(name, "")
        if raw.startswith("$") and raw.lstrip("$") not in self._env.ENVIRON:
            # django-environ reads $OTHER as the value of OTHER, and takes the default when there is none.
            self._problems.append(f"{name} starts with $ and so refers to another variable, which is not set")
            return default
        value: str = self._env.str(name, default=default)
        if matching and not re.fullmatch(matching, value):
            return self._refuse(name, described, value, default)
        return value

    def boolean(self, name: str, default: bool) -> bool:
        """Return whether a setting is on."""
        value = self.text(name, str(default)).strip().lower()
        return value in TRUE if value in TRUE | FALSE else self._refuse(name, "true or false", value, default)

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        value = self.text(name, str(default)).strip()
        if WHOLE_NUMBER.fullmatch(value) and low <= int(value) <= high:
            return int(value)
        return self._refuse(name, f"a whole number from {low} to {high}", value, default)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """Return a number from `low` to `high`, fractions allowed."""
        value = self.text(name, str(default)).strip()
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        return number if low <= number <= high else self._refuse(name, f"a number from {low} to {high}", value, default)

    def choice(self, name: str, default: str, choices: Sequence[str]) -> str:
        """Return one of the choices; upper and lower case are the same."""
        value = self.text(name, default).strip()
        for choice in choices:
            if value.lower() == choice.lower():
                return choice
        return self._refuse(name, f"one of {', '.join(choices)}", value, default)

    def words(self, name: str, default: Sequence[str]) -> list[str]:
        """Return a list that is written with commas."""
        return [word.strip() for word in self.text(name, ",".join(default)).split(",") if word.strip()]

    def secret(self, name: str, default: str = "") -> str:
        """Return a text that no message or log may show."""
        value = self.text(name, default)
        self._hide(value)
        return value

    def secrets_of(self, name: str) -> list[str]:
        """Return a list of secrets that is written with commas."""
        listed = self.words(name, [])
        self._hide(*listed)
        return listed

    def database_url(self, name: str, default: str) -> dict[str, Any]:
        """Return Django's settings for the database that a URL names: a file of SQLite, or PostgreSQL."""
        url = self.text(name, default)
        if url.startswith("sqlite:"):
            problem = _sqlite_problem(url)
        else:
            problem = _url_problem(url, POSTGRESQL_URL, "sqlite:/// or postgres://")
        self.require(not problem, f"{name} {problem}")
        config: dict[str, Any] = Env.db_url_config(default if problem else url)
        self._require_options(name, config.get("OPTIONS", {}), DATABASE_NUMBERS, _libpq_options())
        named = config["NAME"] or "service" in config.get("OPTIONS", {})
        self.require(named, f"{name} must name a database, such as postgres://user:password@host:5432/watchtime")
        self._hide(config["PASSWORD"], "" if problem else urlsplit(url).password or "")
        return config if named else Env.db_url_config(default)

    def broker_url(self, name: str, default: str) -> str:
        """Return `database://`, or the URLs of RabbitMQ's nodes with commas between them."""
        url = self.text(name, default)
        if url == "database://":
            return url
        for node in url.split(","):
            if problem := _url_problem(node, re.compile("amqps?://"), "database://, amqp:// or amqps://"):
                self._problems.append(f"{name} {problem}")
                return default
            self.require(urlsplit(node).hostname, f"{name} must name a host, such as amqp://user:password@host:5672/")
            self._hide(unquote(urlsplit(node).password or ""), urlsplit(node).password or "")
            self._require_options(name, dict(parse_qsl(urlsplit(node).query, True)), BROKER_NUMBERS, BROKER_TEXTS)
        return url

    def queue_name(self, name: str, default: str) -> str:
        """Return the name of a queue; RabbitMQ keeps those that begin with `amq.` to itself."""
        described = "1 to 200 letters, digits and . _ : - and not begin with amq."
        return self.text(name, default, matching=r"(?!amq\.)[A-Za-z0-9._:-]{1,200}", described=described)

    def networks(self, name: str) -> list[str]:
        """Return addresses and networks, such as 10.0.0.0/8, that are written with commas."""
        listed = self.words(name, [])
        for word in listed:
            try:
                ipaddress.ip_network(word)
            except ValueError:
                return self._refuse(name, "addresses or networks such as 10.0.0.0/8, with commas", word, [])
        return listed

    def origins(self, name: str) -> list[str]:
        """Return web sites' origins, such as https://example.org, that are written with commas."""
        listed = self.words(name, [])
        for word in listed:
            if not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?", word):
                return self._refuse(name, "origins such as https://example.org, with commas", word, [])
        return listed

    def cache_url(self, name: str) -> str:
        """Return the URL of a Redis server, or nothing."""
        url = self.secret(name)
        problem = _url_problem(url, re.compile("rediss?://"), "redis:// or rediss://") if url else ""
        self.require(not problem, f"{name} {problem}")
        return "" if problem else url

    def _require_options(
        self, name: str, options: Mapping[str, Any], numbers: Mapping[str, tuple[int, int]], texts: Collection[str]
    ) -> None:
        """Note what a URL says after its ? and nobody understands; values may be secrets, and are not shown."""
        for option, value in options.items():
            low, high = numbers.get(option, (0, 0))
            is_number = WHOLE_NUMBER.fullmatch(str(value)) and low <= int(value) <= high
            self.require(
                option in numbers or option in texts, f"{name} has an unknown option {option[:LONGEST_SHOWN]!a}"
            )
            self.require(
                option not in numbers or is_number, f"{name} must give {option} as a whole number from {low} to {high}"
            )

    def _refuse(self, name: str, described: str, value: str, default: T) -> T:
        shown = value if len(value) <= LONGEST_SHOWN else f"{value[:LONGEST_SHOWN]}..."
        self._problems.append(f"{name} must be {described}, not {shown!r}")
        return default

    def _hide(self, *secrets: str) -> None:
        self.secrets.extend(secret for secret in secrets if secret)


def _libpq_options() -> set[str]:
    """Return what PostgreSQL's client understands in a URL, and what Django adds to it."""
    from psycopg import pq

    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    return known | {"assume_role", "isolation_level", "prepare_threshold", "server_side_binding"}


def _sqlite_problem(url: str) -> str:
    """Return what is wrong with the URL of a SQLite file; nothing when it is right."""
    path = url.removeprefix("sqlite:///")
    if path in {url, "", ":memory:"}:
        return "must name a file: sqlite:///relative/path or sqlite:////absolute/path"
    return "has a # or ? in its path; write it percent-encoded" if set("#?") & set(path) else ""


def _url_problem(url: str, scheme: "re.Pattern[str]", schemes: str) -> str:
    """Return what is wrong with the URL of a server, without quoting it: a password may be anywhere in it."""
    if not scheme.match(url):
        return f"must start with {schemes}"
    try:
        parts = urlsplit(url)
        readable = parts.port is None or parts.port > 0
    except ValueError:
        readable = False
    # An @ after the host is the end of a password that had a / # or ? in it.
    if not readable or parts.fragment or "@" in parts.path + parts.query:
        return f"cannot be read: {ENCODE}"
    return ""


def remote_nodes(broker_url: str) -> list[SplitResult]:
    """Return the parts of the URLs of brokers on other machines."""
    nodes = [urlsplit(node) for node in broker_url.split(",")]
    return [node for node in nodes if node.scheme != "database" and not is_loopback(node.hostname or "localhost")]


def is_default_guest(node: SplitResult) -> bool:
    """Say whether a broker URL has the user guest with the password guest; one without a user means these."""
    return unquote(node.username or "guest") == "guest" and unquote(node.password or "guest") == "guest"


def is_remote_plaintext(database: dict[str, Any]) -> bool:
    """Say whether a database is on another machine and its URL does not insist on TLS."""
    options = database.get("OPTIONS", {})
    named = [unquote(database.get("HOST") or ""), options.get("host", ""), options.get("hostaddr", "")]
    hosts = filter(None, ",".join(map(str, named)).split(","))
    if all(host.startswith("/") or is_loopback(host) for host in hosts):  # a file, or a socket of this machine
        return False
    return options.get("sslmode") not in ("require", "verify-ca", "verify-full")


def is_loopback(host: str) -> bool:
    """Say whether a host name or address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
