"""Hundreds of hostile requests to the real server, on PostgreSQL and RabbitMQ: none is let in, none fails it."""

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import psycopg
import pytest
from django.conf import settings
from strawberry.relay import to_base64

from tests import services
from tests.access.conftest import PASSWORD, basic, bearer
from tests.access.graph import OWN, PUBLISH, VICTIM, an_event
from tests.access.test_table import has_something
from tests.access.tokens import sign, wrong
from tests.processes import Environment, environment, free_port, manage, migrated_database, wait_for, web_and_consumer

pytestmark = pytest.mark.slow
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
EVIL = ("https://evil.example", "null", "http://127.0.0.1.evil.example", "https://127.0.0.1")
ACCOUNTS = f"""
from django.contrib.auth.models import Permission, User
for name, codename in (("publisher", "publish_event"), ("nobody", "view_event")):
    made = User.objects.create_user(name, password="{PASSWORD}", is_staff=True)
    made.user_permissions.add(Permission.objects.get(codename=codename))
"""


class Request(NamedTuple):
    """A request, and what kind of attack it is."""

    kind: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None = None


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Attacked(NamedTuple):
    """A running server, with a movie that the victim watched."""

    port: int
    database: str
    log: Path

    def ask(self, request: Request) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(request.method, request.path, request.body, request.headers)
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read())
        finally:
            connection.close()

    def total(self) -> int:
        with psycopg.connect(self.database) as connection:
            row = connection.execute("SELECT sum(at - start) FROM watchtime_event").fetchone()
        return int(row[0] or 0) if row else 0


@pytest.fixture
def attacked(rabbitmq_queue: str, tmp_path: Path) -> Iterator[Attacked]:
    log, port = tmp_path / "log", free_port()
    with migrated_database() as url, log.open("w") as stderr:
        env: Environment = environment(
            DATABASE_URL=url,
            BROKER_URL=services.RABBITMQ_URL,
            BROKER_QUEUE=rabbitmq_queue,
            PORT=str(port),
            ALLOW_ANONYMOUS="false",
            JWT_SECRET=settings.JWT_SECRET,
            LOG_REQUESTS="true",
        )
        manage(env, "shell", "-c", ACCOUNTS)
        server = Attacked(port, url, log)
        with web_and_consumer(env, stderr):
            for event in (an_event(OWN), an_event(VICTIM)):
                request = Request("", "POST", "/", _json(bearer("events:publish")), json.dumps(event).encode())
                assert server.ask(request).status == 200
            wait_for(lambda: server.total() == 120, 60, "both events are counted")
            yield server


def _json(headers: dict[str, str]) -> dict[str, str]:
    return {"Content-Type": JSON, **headers}


def _graphql(kind: str, headers: dict[str, str], query: str, **variables: Any) -> Request:
    return Request(
        kind, "POST", "/graphql/", _json(headers), json.dumps([{"query": query, "variables": variables}])[1:-1].encode()
    )


def with_wrong_tokens() -> Iterator[Request]:
    event = json.dumps(an_event(VICTIM)).encode()
    for token in dict(wrong()).values():
        if token.isascii() and token.isprintable():
            headers = {"Authorization": f"Bearer {token}"}
            yield Request("wrong token", "POST", "/", _json(headers), event)
            yield _graphql("wrong token", headers, "{ movies { totalCount } __typename }")


def of_others(database: str) -> Iterator[Request]:
    """Yield requests for what the victim watched, by who may not know it, and events for the victim."""
    with psycopg.connect(database) as connection:
        movie, victim, pair, event = connection.execute(
            "SELECT w.movie_id, w.user_id, w.id, e.id FROM watchtime_watchtime w JOIN watchtime_event e "
            "USING (user_id) JOIN watchtime_customuser u ON u.id = w.user_id WHERE u.username = %s",
            [VICTIM],
        ).fetchall()[0]
    paths = ("/", f"/users/{VICTIM}/total-watch-time/", f"/{VICTIM}/{movie}/total-watch-time/", "/admin/")
    nodes = {"User": victim, "WatchTime": pair, "Event": event}
    queries = [f'{{ node(id: "{to_base64(kind, pk)}") {{ id }} }}' for kind, pk in nodes.items()]
    queries += [
        f'{{ userTotalWatchTime(username: "{VICTIM}") {{ totalWatchTime }} }}',
        f'{{ userMovieTotalWatchTime(username: "{VICTIM}", movieSlug: "alien") {{ totalWatchTime }} }}',
        f'{{ userMovieTotalWatchTime(username: "{VICTIM}", moviePk: "{movie}") {{ totalWatchTime }} }}',
        f'{{ events(username: "{VICTIM}") {{ totalCount edges {{ cursor }} }} }}',
        f'{{ searchViewers(text: "{VICTIM[:4]}") {{ username }} }}',
        "{ events { totalCount edges { cursor } } }",
        "{ users { totalCount edges { cursor } } }",
        "{ live { __typename } }",
        f'mutation {{ eraseViewer(username: "{VICTIM}") {{ erasedEvents }} }}',
        'mutation { updateMovie(slug: "alien", title: "x") { movie { pk } } }',
    ]
    callers = [{}, bearer("viewer", OWN), bearer("viewer events:publish:own", OWN), bearer("events:publish:own", OWN)]
    for headers in (*callers, bearer("", VICTIM), basic("nobody")):
        for path in paths:
            yield Request("another's data", "GET", path, headers)
        for query in queries:
            yield _graphql("another's data", headers, query)
        yield Request("another's event", "POST", "/", _json(headers), json.dumps(an_event(VICTIM)).encode())
        yield _graphql("another's event", headers, PUBLISH, event=an_event(VICTIM))


def of_other_sites(session: str) -> Iterator[Request]:
    """Yield what a browser would send for a page of another site, for an account that may publish."""
    event = an_event(VICTIM)
    bodies = {
        FORM: urlencode(event).encode(),
        JSON: json.dumps(event).encode(),
        "text/plain": json.dumps(event).encode(),
    }
    for credentials in ({"Cookie": f"sessionid={session}"}, basic("publisher")):
        for origin in EVIL:
            headers = {**credentials, "Origin": origin}
            for content_type, body in bodies.items():
                yield Request("another site", "POST", "/", {**headers, "Content-Type": content_type}, body)
            yield _graphql("another site", headers, PUBLISH, event=event)
        for where in ("cross-site", "same-site"):
            headers = {**credentials, "Sec-Fetch-Site": where, "Content-Type": FORM}
            yield Request("another site", "POST", "/", headers, bodies[FORM])
    yield Request("no CSRF token", "POST", "/", _json({"Cookie": f"sessionid={session}"}), bodies[JSON])
    yield _graphql("no CSRF token", {"Cookie": f"sessionid={session}"}, PUBLISH, event=event)


def oversized() -> Iterator[Request]:
    """Yield bodies that no request needs, by a caller who may publish."""
    headers = _json(bearer("events:publish totals:read"))
    bodies = [
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"x" * 3_000_000,
        b'{"user": "a", "slug": "b", "at": %s}' % (b"9" * 5_000),
    ]
    bodies += [b"\xff\xfe", b'{"user": "\\ud800", "slug": "b", "at": 1}', b'"s"', b"123", b"null", b"[1]", b"{}"]
    for body in bodies:
        for path in ("/", "/graphql/"):
            yield Request("oversized or no event", "POST", path, headers, body)
    yield _graphql("oversized or no event", headers, "{ " + " ".join(f"a{n}: __typename" for n in range(500)) + " }")
    yield _graphql(
        "oversized or no event", headers, "{ movies { edges { node { " + "watchTimes { edges { node { movie { " * 20
    )


def guessed_passwords() -> Iterator[Request]:
    for number in range(8):
        yield Request("guessed password", "GET", "/", basic("publisher", f"guess-{number}"))
        yield _graphql("guessed password", basic(f"unknown-{number}", PASSWORD), "{ movies { totalCount } }")


def _signed_in(server: Attacked) -> str:
    """Return the cookie of a session."""
    page = server.ask(Request("", "GET", "/admin/login/", {}))
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.body.decode())
    cookie = re.search(r"csrftoken=(\w+)", page.headers["set-cookie"])
    assert token
    assert cookie
    form = {"username": "publisher", "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
    headers = {"Content-Type": FORM, "Cookie": cookie[0], "Origin": f"http://127.0.0.1:{server.port}"}
    done = server.ask(Request("", "POST", "/admin/login/?next=/", headers, urlencode(form).encode()))
    found = re.search(r"sessionid=(\w+)", done.headers["set-cookie"])
    assert found, done
    return found[1]


def is_let_in(request: Request, answer: Answer) -> bool:
    if request.path != "/graphql/":
        return 200 <= answer.status < 300
    return answer.status == 200 and has_something(_without_errors(json.loads(answer.body).get("data")))


def _without_errors(data: Any) -> Any:
    """Return what an answer has but for its errors, which tell who may not."""
    if isinstance(data, dict):
        return {name: _without_errors(value) for name, value in data.items() if name != "userErrors"}
    return data


def test_none_of_hundreds_is_let_in(attacked: Attacked) -> None:
    allowed = Request("allowed", "GET", f"/users/{VICTIM}/total-watch-time/", bearer("totals:read"))
    assert is_let_in(allowed, attacked.ask(allowed)), "the judge knows an answer that tells something"
    allowed = _graphql("allowed", bearer("totals:read"), f'{{ searchViewers(text: "{VICTIM}") {{ username }} }}')
    assert is_let_in(allowed, attacked.ask(allowed))
    session = _signed_in(attacked)
    requests = [*with_wrong_tokens(), *of_others(attacked.database), *of_other_sites(session), *oversized()]
    requests += guessed_passwords()
    answers = [attacked.ask(request) for request in requests]
    let_in = [pair for pair in zip(requests, answers, strict=True) if is_let_in(*pair)]
    failed = [pair for pair in zip(requests, answers, strict=True) if pair[1].status >= 500]
    assert len(requests) >= 300
    assert (let_in, failed) == ([], [])
    assert attacked.total() == 120
    logged = attacked.log.read_text()
    secrets = [sign(), session, PASSWORD, settings.JWT_SECRET, *(f"guess-{number}" for number in range(8))]
    secrets += [
        word for each in requests for word in each.headers.get("Authorization", "").split(" ")[1:] if len(word) > 20
    ]
    assert "Traceback" not in logged
    assert "refused" in logged
    assert [secret for secret in secrets if secret in logged] == []
