"""Who may do what at the GraphQL endpoint, whatever they ask."""

import json
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from graphql import GraphQLObjectType, get_named_type
from pytest_django import Settings
from strawberry.relay import to_base64

from schema import analytics
from schema.permissions import Permission
from schema.schema import schema
from tests.access.conftest import Login, basic, bearer
from tests.access.tokens import wrong
from tests.access.walk import document
from tests.factories import event
from watchtime.fold import fold
from watchtime.live import Live
from watchtime.models import CustomUser, Event, Movie, WatchTime

pytestmark = pytest.mark.django_db(transaction=True)

PERSONAL = {"User", "WatchTime", "Event", "UserConnection", "WatchTimeConnection", "EventConnection"}
VICTIM, OWN, UNKNOWN = "victim-of-it", "anna", "nobody-there"
OF_NOBODY = ("me ", "live ", "watchTimeSeries ")  # they tell of the caller, or sums
graph = schema.graph


def ask(client: Client, query: str, headers: dict[str, str] | None = None, **variables: Any) -> Any:
    body = {"query": query, "variables": variables}
    return client.post("/graphql/", body, content_type="application/json", headers=headers or {}).json()


@pytest.fixture
def watched(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analytics, "live", lambda zone: Live(0.5, 210, 2, 0, 0))  # the same whenever it is asked
    for name in dir(django_settings):
        if name.startswith("GRAPHQL_MAX_"):
            setattr(settings, name, 10**9)
    fold([event(at=60), event(user=VICTIM, at=70), event(user=VICTIM, slug="heat", at=80)])


def strawberry_field(type_name: str, name: str) -> Any:
    """Return Strawberry's field of a field of the graph."""
    return graph.get_type(type_name).fields[name].extensions["strawberry-definition"]  # type: ignore[union-attr]


def leads_to_viewers(kind: GraphQLObjectType, name: str) -> bool:
    return kind.name not in PERSONAL and get_named_type(kind.fields[name].type).name in PERSONAL


def test_every_way_to_something_new_has_a_decision() -> None:
    undecided = [
        f"{kind.name}.{name}"
        for kind in graph.type_map.values()
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__")
        for name in kind.fields
        if kind.name in ("Query", "Mutation") or leads_to_viewers(kind, name)
        if not kind.name.endswith(("Edge", "Payload"))
        if not any(isinstance(each, Permission) for each in strawberry_field(kind.name, name).extensions)
    ]
    assert undecided == []


def targets(name: str) -> list[dict[str, str]]:
    """Return arguments by which to ask for what the victim watched, for each way to do so."""
    victim, pair = CustomUser.objects.get(username=VICTIM), WatchTime.objects.filter(user__username=VICTIM)
    movie = Movie.objects.get(slug="alien")
    ids = [("User", victim.pk), ("Movie", movie.pk)]
    ids += [("WatchTime", row.pk) for row in pair] + [("Event", row.pk) for row in Event.objects.filter(user=victim)]
    viewer, slug = {"username": json.dumps(VICTIM)}, {"slug": '"alien"', "movieSlug": '"alien"'}
    ways = {
        "node": [{"id": json.dumps(to_base64(kind, pk))} for kind, pk in ids],
        "movieTotalWatchTime": [slug, {"pk": f'"{movie.pk}"'}],
        "userMovieTotalWatchTime": [{**viewer, **slug}, {**viewer, "moviePk": f'"{movie.pk}"'}],
        "searchViewers": [{"text": json.dumps(VICTIM[:5])}],
        "events": [viewer, {**viewer, **slug}, slug, {}],
    }
    return ways.get(name, [viewer])


def answers(client: Client, headers: dict[str, str]) -> dict[str, str]:
    """Return all that a caller is told by every way through the graph that may lead to the victim."""
    assert graph.query_type
    told = {}
    for name in graph.query_type.fields:
        for number, given in enumerate(targets(name)):
            answer = ask(client, document(graph, name, given), headers)
            assert "errors" not in answer, (name, given, answer["errors"])
            told[f"{name} {number} {given}"] = json.dumps(answer["data"])
    return told


def marks() -> set[str]:
    """Return what can only be known of the victim."""
    victim = CustomUser.objects.get(username=VICTIM)
    found = {VICTIM, to_base64("User", victim.pk)}
    found |= {str(each.event_id) for each in Event.objects.filter(user=victim)}
    found |= {to_base64("Event", each.pk) for each in Event.objects.filter(user=victim)}
    return found | {to_base64("WatchTime", each.pk) for each in WatchTime.objects.filter(user=victim)}


@pytest.mark.usefixtures("watched")
class TestReads:
    def test_the_walk_gets_there(self, client: Client) -> None:
        """A caller who may read everything is told of the victim by every way, but for those of their own and sums."""
        told = answers(client, bearer("totals:read"))
        assert len(told) > 12
        assert [way for way, text in told.items() if VICTIM not in text and not way.startswith(OF_NOBODY)] == []
        everything = "".join(told.values())
        assert [mark for mark in marks() if mark not in everything] == []

    @pytest.mark.parametrize("scope", ["viewer", "viewer events:publish:own", "viewer events:publish"])
    def test_a_viewer_is_told_of_nobody_else(self, client: Client, scope: str) -> None:
        told = answers(client, bearer(scope, OWN))
        assert [way for way, text in told.items() if any(mark in text for mark in marks())] == []
        assert '"alien"' in told[next(way for way in told if way.startswith("movieTotalWatchTime"))]

    @pytest.mark.parametrize("scope", [None, "", "events:publish", "events:publish:own"])
    def test_others_are_told_nothing(self, client: Client, scope: str | None) -> None:
        told = answers(client, {} if scope is None else bearer(scope, OWN))
        known = marks() | {"alien", "heat", "anna", "60", "70", "80"}
        assert [way for way, text in told.items() if any(mark in text for mark in known)] == []

    def test_accounts(self, client: Client, account: Login) -> None:
        account("none", is_staff=True)
        account("old", "read_totals")
        account("root", is_superuser=True, is_staff=True)
        assert not any(VICTIM in text or "alien" in text for text in answers(client, basic("none")).values())
        full = answers(client, bearer("totals:read"))
        assert answers(client, basic("old")) == full
        assert answers(client, basic("root")) == full

    def test_a_session(self, client: Client, account: Login) -> None:
        client.force_login(account("old", "read_totals"), "django.contrib.auth.backends.ModelBackend")
        assert answers(client, {"Origin": "http://testserver"}) == answers(client, bearer("totals:read"))

    def test_open_to_anonymous_callers(self, client: Client, settings: Settings) -> None:
        settings.ALLOW_ANONYMOUS = True
        assert answers(client, {}) == answers(client, bearer("totals:read"))

    def test_a_viewer_reads_their_own(self, client: Client) -> None:
        query = """query ($me: String!) {
            userTotalWatchTime(username: $me) { totalWatchTime watchTimes { totalCount edges { node { id } } } }
            userMovieTotalWatchTime(username: $me, movieSlug: "alien") { totalWatchTime }
            events(username: $me) { totalCount edges { node { user { username } } } }
            movieTotalWatchTime(slug: "alien") {
                totalWatchTime watchTimes { totalCount edges { node { user { username } } } }
            }
            movies { totalCount }
        }"""
        data = ask(client, query, bearer("viewer", OWN), me=OWN)["data"]
        assert data["userTotalWatchTime"]["totalWatchTime"] == 60
        assert data["userMovieTotalWatchTime"]["totalWatchTime"] == 60
        assert data["events"] == {"totalCount": 1, "edges": [{"node": {"user": {"username": OWN}}}]}
        movie = data["movieTotalWatchTime"]
        assert movie["totalWatchTime"] == 130
        assert movie["watchTimes"] == {"totalCount": 1, "edges": [{"node": {"user": {"username": OWN}}}]}
        assert data["movies"] == {"totalCount": 2}
        for node in (("User", CustomUser), ("Event", Event), ("WatchTime", WatchTime)):
            own = node[1].objects.filter(**{"username" if node[0] == "User" else "user__username": OWN}).get()
            answer = ask(
                client,
                "query ($id: ID!) { node(id: $id) { id } }",
                bearer("viewer", OWN),
                id=to_base64(node[0], own.pk),
            )
            assert answer["data"]["node"]

    def test_me(self, client: Client, account: Login) -> None:
        account(OWN, "read_totals")
        query = "{ me { username totalWatchTime } }"
        assert ask(client, query, bearer("viewer", OWN))["data"]["me"] == {"username": OWN, "totalWatchTime": 60}
        for headers in (bearer("viewer", UNKNOWN), bearer("totals:read", OWN), basic(OWN), {}):
            assert ask(client, query, headers)["data"]["me"] is None

    def test_forbidden_is_like_unknown(self, client: Client) -> None:
        """The same answer, byte for byte, by the same number of statements."""
        for headers in ({}, bearer("viewer", OWN), bearer("events:publish"), bearer("")):
            for way in targets("userMovieTotalWatchTime") + targets("events")[:2] + targets("userTotalWatchTime"):
                for name in ("userTotalWatchTime", "userMovieTotalWatchTime", "events"):
                    arguments = {"movieSlug": '"alien"', **way} if name.startswith("userMovie") else way
                    arguments.pop("moviePk", None) if "movieSlug" in arguments else None
                    hidden = ask(client, document(graph, name, arguments), headers)
                    unknown = ask(client, document(graph, name, {**arguments, "username": f'"{UNKNOWN}"'}), headers)
                    assert json.dumps(hidden) == json.dumps(unknown)

    def test_node_ids_tell_nothing(self, client: Client, django_assert_num_queries: Any) -> None:
        query = "query ($id: ID!) { node(id: $id) { id } }"
        for kind, model in (("User", CustomUser), ("WatchTime", WatchTime), ("Event", Event)):
            field = "username" if kind == "User" else "user__username"
            hidden = model.objects.filter(**{field: VICTIM}).first()
            for pk in (hidden.pk, 10**9):
                with django_assert_num_queries(1):
                    answer = ask(client, query, bearer("viewer", OWN), id=to_base64(kind, pk))
                assert answer == {"data": {"node": None}}

    def test_cursors_of_others_tell_nothing(self, client: Client) -> None:
        pages = "{ users { edges { cursor } } events { edges { cursor } } }"
        data = ask(client, pages, bearer("totals:read"))["data"]
        for name in ("users", "events"):
            for edge in data[name]["edges"]:
                for argument in ("after", "before"):
                    query = f"query ($c: String!) {{ {name}({argument}: $c) {{ totalCount edges {{ cursor }} }} }}"
                    answer = ask(client, query, bearer("viewer", OWN), c=edge["cursor"])
                    assert answer["data"][name]["edges"] == []
                    assert answer["data"][name]["totalCount"] == 0

    def test_no_query_for_a_token(self, client: Client, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(1):
            ask(client, '{ userTotalWatchTime(username: "anna") { totalWatchTime } }', bearer("totals:read"))
        with django_assert_num_queries(0):
            ask(client, f'{{ userTotalWatchTime(username: "{VICTIM}") {{ totalWatchTime }} }}', bearer("viewer", OWN))


PUBLISH = "mutation ($event: EventInput!) { publishEvent(event: $event) { id userErrors { path code } } }"
PUBLISH_MANY = (
    "mutation ($events: [EventInput!]!) { publishEvents(events: $events) { acceptedCount userErrors { path code } } }"
)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the viewers whose events were published."""
    users: list[str] = []
    monkeypatch.setattr("schema.mutations.publish", lambda events: users.extend(event.user for event in events))
    return users


def an_event(user: str) -> dict[str, Any]:
    return {"user": user, "slug": "alien", "at": 60}


class TestPublish:
    def test_for_anyone(self, client: Client, account: Login, published: list[str]) -> None:
        account("old", "publish_event")
        for headers in (bearer("events:publish"), basic("old"), bearer("viewer events:publish", OWN)):
            answer = ask(client, PUBLISH, headers, event=an_event(VICTIM))
            assert answer["data"]["publishEvent"]["id"]
        assert published == [VICTIM] * 3

    def test_for_oneself(self, client: Client, published: list[str]) -> None:
        headers = bearer("viewer events:publish:own", OWN)
        assert ask(client, PUBLISH, headers, event=an_event(OWN))["data"]["publishEvent"]["userErrors"] == []
        refused = ask(client, PUBLISH, headers, event=an_event(VICTIM))["data"]["publishEvent"]
        assert refused == {"id": None, "userErrors": [{"path": ["event", "user"], "code": "FORBIDDEN"}]}
        events = [an_event(name) for name in (OWN, VICTIM, OWN, "Anna")]
        payload = ask(client, PUBLISH_MANY, headers, events=events)["data"]["publishEvents"]
        assert payload["acceptedCount"] == 2
        assert payload["userErrors"] == [
            {"path": ["events", "1", "user"], "code": "FORBIDDEN"},
            {"path": ["events", "3", "user"], "code": "FORBIDDEN"},
        ]
        assert published == [OWN] * 3

    @pytest.mark.parametrize("scope", [None, "", "totals:read", "viewer", "events:publish:own"])
    def test_not_at_all(self, client: Client, published: list[str], scope: str | None) -> None:
        headers = {} if scope is None else bearer(scope, OWN)
        for query, variables in (
            (PUBLISH, {"event": an_event(OWN)}),
            (PUBLISH_MANY, {"events": [an_event(OWN)]}),
            (PUBLISH_MANY, {"events": []}),
        ):
            answer = ask(client, query, headers, **variables)
            assert answer["data"] is None
            code = "UNAUTHENTICATED" if scope is None else "FORBIDDEN"
            assert answer["errors"][0]["extensions"]["code"] == code
        assert published == []

    def test_fragments_aliases_and_batches_change_nothing(self, client: Client, published: list[str]) -> None:
        query = """mutation ($event: EventInput!) { ...All x: publishEvent(event: $event) { id } }
            fragment All on Mutation {
                y: publishEvent(event: $event) { id }
                ... on Mutation { publishEvent(event: $event) { id } }
            }"""
        answer = ask(client, query, bearer("viewer"), event=an_event(OWN))
        assert answer["data"] is None
        operation = {"query": PUBLISH, "variables": {"event": an_event(OWN)}}
        batch = client.post("/graphql/", [operation] * 3, content_type="application/json", headers=bearer("viewer"))
        assert all(each["data"] is None for each in batch.json())
        assert published == []


class TestCredentials:
    @pytest.mark.parametrize("way", dict(wrong()))
    def test_wrong_tokens(self, client: Client, settings: Settings, way: str) -> None:
        headers = {"Authorization": f"Bearer {dict(wrong())[way]}"}
        for settings.ALLOW_ANONYMOUS in (False, True):
            for request in (
                {"query": "{ __typename }"},
                [{"query": "{ __typename }"}],
            ):
                response = client.post("/graphql/", request, content_type="application/json", headers=headers)
                assert response.status_code == 401
                assert "Bearer" in response["WWW-Authenticate"]
                (error,) = response.json()["errors"]
                assert error["extensions"]["code"] == "UNAUTHENTICATED"

    def test_the_explorer_is_a_page_like_any_other(self, client: Client) -> None:
        page = client.get("/graphql/", headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert page["Content-Type"].startswith("text/html")

    def test_a_session_and_other_sites(self, account: Login, published: list[str]) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(account("old", "publish_event"), "django.contrib.auth.backends.ModelBackend")
        body = {"query": PUBLISH, "variables": {"event": an_event(OWN)}}

        def post(**headers: str) -> int:
            return client.post("/graphql/", body, content_type="application/json", headers=headers).status_code

        for other in ("https://evil.example", "null", "https://testserver"):
            assert post(Origin=other) == 403
        assert post() == 403, "neither a page of ours nor the token"
        client.cookies["csrftoken"] = "a" * 32
        assert post(**{"X-CSRFToken": "b" * 32}) == 403
        assert published == []
        assert post(**{"X-CSRFToken": "a" * 32}) == 200
        assert post(Origin="http://testserver") == 200
        assert published == [OWN] * 2


class TestLimits:
    QUERY = '{ userTotalWatchTime(username: "nobody") { totalWatchTime } }'

    def test_operations(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_COST = 6 * 1_000
        answers = [self.post(client, bearer("totals:read")) for _ in range(12)]
        statuses = {response.status_code for response in answers}
        assert statuses == {200, 429}
        refused = next(response for response in answers if response.status_code == 429)
        assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert 1 <= int(refused["Retry-After"]) <= 10
        assert self.post(client, bearer("totals:read", "another")).status_code == 200

    def test_many_aliases_count_as_many(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_COST = 6 * 1_000
        field = 'userTotalWatchTime(username: "nobody") { totalWatchTime }'
        many = {"query": "{ " + " ".join(f"a{number}: {field}" for number in range(25)) + " }"}
        answer = client.post("/graphql/", many, content_type="application/json", headers=bearer("totals:read"))
        assert answer.status_code == 429
        assert self.post(client, bearer("totals:read", "another")).status_code == 200

    def test_who_has_to_wait_is_refused_before_the_body_is_read(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_COST = 6 * 1_000
        while self.post(client, bearer("totals:read")).status_code == 200:
            pass
        response = client.post(
            "/graphql/", b"no JSON", content_type="application/json", headers=bearer("events:publish")
        )
        assert response.status_code == 429
        assert int(response["Retry-After"]) >= 1

    def test_anonymous_callers_count_by_address(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_COST = 6 * 1_000
        while self.post(client, {}).status_code == 200:
            pass
        body = {"query": self.QUERY}
        assert client.post("/graphql/", body, "application/json", REMOTE_ADDR="192.0.2.1").status_code == 200
        settings.ALLOW_ANONYMOUS = True
        assert {self.post(client, {}).status_code for _ in range(9)} == {200}, "nobody else is on this machine"

    def test_events(self, client: Client, settings: Settings, published: list[str]) -> None:
        settings.RATE_LIMIT_EVENTS = 6 * 10
        events = [an_event(OWN)] * 8
        headers = bearer("events:publish")
        body = {"query": PUBLISH_MANY, "variables": {"events": events}}
        codes = [
            client.post("/graphql/", body, content_type="application/json", headers=headers).status_code
            for _ in range(4)
        ]
        assert codes[0] == 200
        assert 429 in codes
        assert len(published) < 8 * 4

    def post(self, client: Client, headers: dict[str, str]) -> Any:
        return client.post("/graphql/", {"query": self.QUERY}, content_type="application/json", headers=headers)


ERASE = "mutation ($name: String!) { eraseViewer(username: $name) { erasedEvents userErrors { path code } } }"


@pytest.mark.usefixtures("watched")
class TestErase:
    def test_staff(self, client: Client, account: Login, caplog: pytest.LogCaptureFixture) -> None:
        account("privacy", "delete_customuser", is_staff=True)
        with caplog.at_level("INFO", "watchtime.audit"):
            payload = ask(client, ERASE, basic("privacy"), name=VICTIM)["data"]["eraseViewer"]
        assert payload == {"erasedEvents": 2, "userErrors": []}
        assert not CustomUser.objects.filter(username=VICTIM).exists()
        assert [message for message in caplog.messages if message.startswith('eraseViewer by "account privacy"')]
        again = ask(client, ERASE, basic("privacy"), name=VICTIM)["data"]["eraseViewer"]
        assert again == {"erasedEvents": 0, "userErrors": [{"path": ["username"], "code": "NOT_FOUND"}]}

    def test_nobody_else(self, client: Client, account: Login, settings: Settings) -> None:
        account("old", "publish_event", "read_totals", "delete_customuser")  # no staff
        account("clerk", "change_movie", is_staff=True)
        for headers in (
            bearer("events:publish totals:read"),
            bearer("viewer events:publish:own", VICTIM),
            bearer("watchtime.delete_customuser eraseViewer admin"),
            basic("old"),
            basic("clerk"),
        ):
            for name in (VICTIM, UNKNOWN):
                answer = ask(client, ERASE, headers, name=name)
                assert answer["data"] is None
                assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        settings.ALLOW_ANONYMOUS = True
        assert ask(client, ERASE, name=VICTIM)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert CustomUser.objects.filter(username=VICTIM).exists()
