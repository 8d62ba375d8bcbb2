"""What a caller is told by GraphQL, whatever they ask and by whatever way through the graph."""

import json
from typing import Any

import pytest
from django.test import Client
from graphql import GraphQLObjectType, get_named_type
from pytest_django import Settings
from strawberry.relay import to_base64

from schema.permissions import Permission
from schema.schema import schema
from tests.access.conftest import Login, basic, bearer
from tests.access.graph import OWN, UNKNOWN, VICTIM, ask
from tests.access.walk import document
from watchtime.models import CustomUser, Event, Movie, WatchTime

pytestmark = pytest.mark.django_db(transaction=True)

PERSONAL = {"User", "WatchTime", "Event", "UserConnection", "WatchTimeConnection", "EventConnection"}
OF_NOBODY = ("me ", "live ", "watchTimeSeries ")  # they tell of the caller, or sums
graph = schema.graph


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

    @pytest.mark.any_database
    def test_accounts(self, client: Client, account: Login) -> None:
        account("none", is_staff=True)
        account("old", "read_totals")
        account("root", is_superuser=True, is_staff=True)
        assert not any(VICTIM in text or "alien" in text for text in answers(client, basic("none")).values())
        full = answers(client, bearer("totals:read"))
        assert answers(client, basic("old")) == full
        assert answers(client, basic("root")) == full

    def test_nor_by_the_answer_to_a_write(self, client: Client, account: Login, published: list[str]) -> None:
        account("clerk", "change_movie", is_staff=True)
        account("editor", "change_movie", "read_totals", is_staff=True)
        event = f'{{user: "{VICTIM}", slug: "alien", at: 1}}'
        given = {"event": event, "events": f"[{event}]", "username": f'"{VICTIM}"', "slug": '"alien"', "title": '"A"'}
        told = {who: self.written(client, who, given) for who in ("clerk", "editor")}
        assert "alien" in told["clerk"]
        assert [mark for mark in marks() if mark in told["clerk"]] == []
        assert VICTIM in told["editor"]
        assert published == []

    def written(self, client: Client, who: str, given: dict[str, str]) -> str:
        """Return what the answers to all mutations tell someone."""
        assert graph.mutation_type
        documents = [document(graph, name, given, "mutation") for name in graph.mutation_type.fields]
        return json.dumps([ask(client, each, basic(who))["data"] for each in documents])

    @pytest.mark.any_database
    def test_a_session(self, client: Client, account: Login) -> None:
        client.force_login(account("old", "read_totals"), "django.contrib.auth.backends.ModelBackend")
        assert answers(client, {"Origin": "http://testserver"}) == answers(client, bearer("totals:read"))

    @pytest.mark.any_database
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
