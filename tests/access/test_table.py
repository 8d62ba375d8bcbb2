"""The table of docs/security.md is what really happens: each cell is a request of that caller to that endpoint."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings
from strawberry.relay import to_base64

from tests.access.conftest import Login, basic, bearer
from tests.factories import event
from tests.services import ROOT
from watchtime.fold import fold
from watchtime.lists import BY_ID
from watchtime.models import CustomUser, ErasedEvent, Erasure, Event, Movie, WatchTime

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = ROOT / "docs" / "security.md"
OWN, OTHER = "anna", "bert"
HTML = {"Accept": "text/html"}
WINDOW = 'from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z"'

Ask = Callable[[str, str, Any], Any]  # method, path, body
Call = Callable[[Ask], bool]  # whether it was allowed


def rest(path: str) -> Call:
    return lambda ask: ask("GET", path.format(pk=Movie.objects.get().pk), None).status_code == 200


def post(user: str) -> Call:
    body = {"user": user, "slug": "alien", "at": 60}
    return lambda ask: ask("POST", "/", body).status_code == 200


def told(field: str, **ids: Callable[[], Any]) -> Call:
    """Return a GraphQL read; it is allowed when there is anything but null and lists without items."""

    def call(ask: Ask) -> bool:
        query = "{ " + re.sub(r"<(\w+)>", lambda found: str(ids[found[1]]()), field) + " }"
        return has_something(ask("POST", "/graphql/", {"query": query}).json()["data"])

    return call


def has_something(data: Any) -> bool:
    if isinstance(data, dict):
        return any(has_something(value) for value in data.values())
    if isinstance(data, list):
        return any(has_something(value) for value in data)
    return data not in (None, 0, "")


def written(field: str) -> Call:
    def call(ask: Ask) -> bool:
        answer = ask("POST", "/graphql/", {"query": f"mutation {{ {field} }}"}).json()
        return bool(answer["data"]) and not next(iter(answer["data"].values()))["userErrors"]

    return call


def page(path: str) -> Call:
    return lambda ask: ask("GET", path, None).status_code == 200


def publishing(user: str) -> str:
    return f'publishEvent(event: {{user: "{user}", slug: "alien", at: 60}}) {{ userErrors {{ code }} }}'


def node_of(kind: str, model: type[CustomUser | WatchTime | Event], username: str) -> Callable[[], str]:
    field = "username" if model is CustomUser else "user__username"
    return lambda: to_base64(kind, model.objects.get(**{field: username}).pk)


def nodes(username: str) -> Call:
    kinds = (("User", CustomUser), ("WatchTime", WatchTime), ("Event", Event))
    calls = [told('node(id: "<id>") { id }', id=node_of(kind, model, username)) for kind, model in kinds]
    return lambda ask: any(call(ask) for call in calls)


def first_cursor() -> str:
    """Return the cursor of one's own pair, behind which the other's is."""
    return BY_ID.cursor(WatchTime.objects.order_by("pk")[0])


ROWS: Mapping[str, Call] = {
    "`POST /`, an event of their own": post(OWN),
    "`POST /`, an event of another viewer": post(OTHER),
    "`GET /`, the events of all": rest("/"),
    "`GET /users/<username>/total-watch-time/`, their own": rest(f"/users/{OWN}/total-watch-time/"),
    "`GET /users/<username>/total-watch-time/`, another's": rest(f"/users/{OTHER}/total-watch-time/"),
    "`GET /movies/<pk>/total-watch-time/`": rest("/movies/{pk}/total-watch-time/"),
    "`GET /<username>/<movie_pk>/total-watch-time/`, their own": rest(f"/{OWN}/{{pk}}/total-watch-time/"),
    "`GET /<username>/<movie_pk>/total-watch-time/`, another's": rest(f"/{OTHER}/{{pk}}/total-watch-time/"),
    "`publishEvent`, `publishEvents`, their own": written(publishing(OWN)),
    "`publishEvent`, `publishEvents`, another viewer's": written(publishing(OTHER)),
    "`movieTotalWatchTime`": told('movieTotalWatchTime(slug: "alien") { totalWatchTime }'),
    "`movies`": told("movies { edges { node { slug } } }"),
    "`topMovies`": told(f"topMovies({WINDOW}) {{ totalWatchTime }}"),
    "`watchTimeSeries`, of all movies": told(f"watchTimeSeries({WINDOW}) {{ totalWatchTime }}"),
    "`searchMovies`": told('searchMovies(text: "ali") { slug }'),
    "`searchViewers`, their own": told(f'searchViewers(text: "{OWN}") {{ username }}'),
    "`searchViewers`, another's": told(f'searchViewers(text: "{OTHER}") {{ username }}'),
    "`live`": told("live { __typename }"),
    "`Movie.completions`": told('movieTotalWatchTime(slug: "alien") { completions { viewers } }'),
    "`Movie.retention`": told('movieTotalWatchTime(slug: "alien") { retention(bins: 1) { views viewers } }'),
    "`Movie.watchTimeSeries`": told(
        f'movieTotalWatchTime(slug: "alien") {{ watchTimeSeries({WINDOW}) {{ totalWatchTime }} }}'
    ),
    "`Movie.watchTimes`, their own": told(
        'movieTotalWatchTime(slug: "alien") { watchTimes(first: 1) { edges { node { user { username } } } } }'
    ),
    "`Movie.watchTimes`, another's": told(
        'movieTotalWatchTime(slug: "alien") { watchTimes(after: "<own>") { edges { cursor } } }', own=first_cursor
    ),
    "`userTotalWatchTime`, their own": told(f'userTotalWatchTime(username: "{OWN}") {{ totalWatchTime }}'),
    "`userTotalWatchTime`, another's": told(f'userTotalWatchTime(username: "{OTHER}") {{ totalWatchTime }}'),
    "`userMovieTotalWatchTime`, their own": told(
        f'userMovieTotalWatchTime(username: "{OWN}", movieSlug: "alien") {{ totalWatchTime }}'
    ),
    "`userMovieTotalWatchTime`, another's": told(
        f'userMovieTotalWatchTime(username: "{OTHER}", movieSlug: "alien") {{ totalWatchTime }}'
    ),
    "`events(username:)`, their own": told(f'events(username: "{OWN}") {{ totalCount edges {{ cursor }} }}'),
    "`events(username:)`, another's": told(f'events(username: "{OTHER}") {{ totalCount edges {{ cursor }} }}'),
    "`events`, of all": told("events { totalCount edges { cursor } }"),
    "`users`": told("users { totalCount edges { cursor } }"),
    "`node`, of a movie": told('node(id: "<id>") { id }', id=lambda: to_base64("Movie", Movie.objects.get().pk)),
    "`node`, of themselves, their pairs and events": nodes(OWN),
    "`node`, of another viewer, their pairs and events": nodes(OTHER),
    "`me`": told("me { username }"),
    "`updateMovie`": written('updateMovie(slug: "alien", title: "Alien") { movie { pk } userErrors { code } }'),
    "`eraseViewer`": written(f'eraseViewer(username: "{OTHER}") {{ erasedEvents userErrors {{ code }} }}'),
    "`GET /` by a browser (the dashboard, which holds no data)": page("/?"),
    "`GET /graphql/` (GraphiQL), `/swagger/`, `/swagger.json`": lambda ask: all(
        page(path)(ask) for path in ("/graphql/", "/swagger/", "/swagger.json")
    ),
    "`/livez`, `/metrics`": lambda ask: all(page(path)(ask) for path in ("/livez", "/metrics")),
    "`/admin/`": page("/admin/"),
}
COLUMNS = (
    "anonymous",
    "anonymous, `ALLOW_ANONYMOUS`",
    "`events:publish`",
    "`totals:read`",
    "`viewer`",
    "`viewer events:publish:own`",
    "account with `publish_event`",
    "account with `read_totals`",
    "staff with `change_movie`",
    "staff with `delete_customuser`",
    "superuser's session",
)


@pytest.fixture
def callers(account: Login) -> Mapping[str, dict[str, str] | None]:
    """Return the headers of each column's caller; None for the one who is known by a session."""
    account("publisher", "publish_event")
    account("reader", "read_totals")
    account("editor", "change_movie", is_staff=True)
    account("privacy", "delete_customuser", is_staff=True)
    account("root", is_staff=True, is_superuser=True)
    known: list[dict[str, str] | None] = [{}, {}]
    known += [bearer(name.strip("`"), OWN) for name in COLUMNS[2:6]]
    known += [basic("publisher"), basic("reader"), basic("editor"), basic("privacy"), None]
    return dict(zip(COLUMNS, known, strict=True))


@pytest.mark.any_database
def test_the_table(
    callers: Mapping[str, dict[str, str] | None], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("schema.legacy", "schema.mutations"):
        monkeypatch.setattr(f"{module}.publish", lambda events: None)
    cells: dict[str, list[str]] = {name: [] for name in ROWS}
    for column, headers in callers.items():
        settings.ALLOW_ANONYMOUS = "ALLOW_ANONYMOUS" in column
        ask = asking(headers)
        for name, call in ROWS.items():
            fold_again()
            cells[name].append("yes" if call(ask) else "\N{EN DASH}")
    lines = [["endpoint", *COLUMNS], ["---"] * (1 + len(COLUMNS)), *([name, *row] for name, row in cells.items())]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    documented = re.search(r"<!-- table -->\n\n(.*?)\n\n<!-- end of table -->", PAGE.read_text(), re.DOTALL)
    assert documented
    assert documented[1] == table, f"docs/security.md should have this table:\n{table}"


def asking(headers: dict[str, str] | None) -> Ask:
    client = Client()
    if headers is None:
        client.force_login(User.objects.get(username="root"), "django.contrib.auth.backends.ModelBackend")
        headers = {"Origin": "http://testserver"}
    sent = headers

    def ask(method: str, path: str, body: Any) -> Any:
        if method == "GET":
            accept = HTML if path in ("/?", "/graphql/", "/swagger/", "/admin/") else {}
            return client.get(path, headers={**sent, **accept})
        return client.post(path, json.dumps(body), content_type="application/json", headers=sent)

    return ask


def fold_again() -> None:
    """Have one's own events and another's there, whatever the call before did."""
    if not CustomUser.objects.filter(username=OTHER).exists():
        for model in (Event, WatchTime, CustomUser, Movie, Erasure, ErasedEvent):
            model.objects.all().delete()
        fold([event(user=OWN, at=60)])
        fold([event(user=OTHER, at=70)])
        Movie.objects.update(duration_seconds=100)
