"""Strawberry executes: what its documentation says of contexts, permissions and extensions holds here."""

from collections.abc import Iterable, Iterator
from typing import Any, cast

import pytest
import strawberry
import strawberry_django
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client, RequestFactory
from strawberry.extensions import SchemaExtension
from strawberry.permission import BasePermission
from strawberry.schema.config import StrawberryConfig

from schema import view
from schema.connections import Connection, connection
from schema.context import Context
from schema.extension import Limits
from schema.scalars import SCALARS, Seconds
from schema.schema import Schema, schema
from schema.types import Row, column
from tests.services import ROOT
from watchtime import models
from watchtime.lists import MOST_USERS, Rows


class IsStaff(BasePermission):
    message = "Only for staff."

    def has_permission(self, source: Any, info: strawberry.Info[Context], **_: Any) -> bool:
        return bool(info.context.request.user.is_staff)


@strawberry_django.type(models.CustomUser, name="User")
class GuardedUser(Row):
    username: str = column("A name.")
    total_watch_time: Seconds = column("Only for staff.", permission_classes=[IsStaff])


@strawberry.type
class Query:
    @strawberry.field
    def user(self) -> GuardedUser | None:
        return cast("GuardedUser", models.CustomUser.objects.first())

    @strawberry.field(permission_classes=[IsStaff])
    def secret(self) -> int | None:
        return 7

    @connection(Connection[GuardedUser], description="Everybody.")
    def users(self) -> Iterable[GuardedUser]:
        return cast("Iterable[GuardedUser]", Rows(models.CustomUser.objects.all(), MOST_USERS))


class Noted(SchemaExtension):
    """Notes which hooks ran."""

    seen: list[str] = []  # noqa: RUF012 (of all requests)

    def on_operation(self) -> Iterator[None]:
        self.seen.append("before")
        yield
        self.seen.append(str(self.execution_context.result and self.execution_context.result.data))

    def resolve(self, next_: Any, root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(info.field_name)
        return next_(root, info, *args, **kwargs)


GUARDED = Schema(query=Query, extensions=[Limits], config=StrawberryConfig(scalar_map=SCALARS))


def ask(query: str, *, staff: bool) -> tuple[Any, list[tuple[str, Any]]]:
    """Return the data, and the message and code of each error."""
    request = RequestFactory().post("/graphql/")
    request.user = User(is_staff=True) if staff else AnonymousUser()
    context = Context(request=request, response=None)  # type: ignore[arg-type]
    result = GUARDED.execute_sync(query, context_value=context)
    return result.data, [(error.message, (error.extensions or {})["code"]) for error in result.errors or ()]


DENIED = [("Only for staff.", "FORBIDDEN")]


def test_permission_classes_guard_every_kind_of_field(ada: models.CustomUser) -> None:
    assert ask("{ user { username totalWatchTime } }", staff=True)[0] == {
        "user": {"username": "ada", "totalWatchTime": 2**40}
    }
    assert ask("{ user { username totalWatchTime } }", staff=False) == ({"user": None}, DENIED)
    assert ask("{ user { username } }", staff=False) == ({"user": {"username": "ada"}}, [])
    assert ask("{ secret }", staff=True) == ({"secret": 7}, [])
    assert ask("{ secret }", staff=False) == ({"secret": None}, DENIED)
    assert ask("{ users { edges { node { totalWatchTime } } } }", staff=False)[1] == DENIED


def test_schema_extensions_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Noted, "seen", [])
    monkeypatch.setattr(schema, "extensions", (*schema.extensions, Noted))
    schema.execute_sync("{ __typename movieTotalWatchTime { pk } }")
    assert Noted.seen[:2] == ["before", "__typename"]
    assert Noted.seen[2:] == ["movieTotalWatchTime", "{'__typename': 'Query', 'movieTotalWatchTime': None}"]


def test_the_context_knows_the_request_and_its_user(client: Client, monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    seen: list[Context] = []
    execute = schema.execute_sync
    monkeypatch.setattr(schema, "execute_sync", lambda *a, **k: (seen.append(k["context_value"]), execute(*a, **k))[1])
    hello = [{"query": "{ __typename }"}] * 2
    client.post("/graphql/", hello, content_type="application/json")
    assert seen[0] is seen[1]
    assert seen[0].request.path == "/graphql/"
    assert seen[0].request.user.is_anonymous
    staff = User.objects.create(username="grace", is_staff=True)
    client.force_login(staff)
    client.post("/graphql/", hello[0], content_type="application/json")
    assert seen[2].request.user == staff


@pytest.mark.parametrize("code", ["TEAPOT", "FORBIDDEN", 7])
def test_codes_of_others_reach_clients(code: object, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refuse(SchemaExtension):
        def on_operation(self) -> Iterator[None]:
            raise strawberry.exceptions.StrawberryGraphQLError("No.", extensions={"code": code})
            yield

    monkeypatch.setattr(schema, "extensions", (*schema.extensions, Refuse))
    (error,) = schema.execute_sync("{ __typename }").errors or ()
    assert (error.message, (error.extensions or {})["code"]) == ("No.", code)


def test_the_view_is_strawberrys() -> None:
    assert issubclass(view.WatchTimeView, strawberry.django.views.GraphQLView)


def test_the_package_is_small() -> None:
    counts = {path.name: len(path.read_text().splitlines()) for path in (ROOT / "schema").glob("*.py")}
    own = [count for name, count in counts.items() if not name.startswith("legacy")]
    assert max(own) <= 250


def test_what_strawberry_fails_to_introspect_is_null_and_masked(client: Client, db: None) -> None:
    # Strawberry 0.341 resolves isOneOf of list and non-null types by an attribute that they lack, and offers no way to
    # resolve it otherwise. When it does better, this test fails and can go.
    query = '{ __type(name: "Query") { fields { args { name type { kind isOneOf ofType { isOneOf } } } } } }'
    answer = client.post("/graphql/", {"query": query}, content_type="application/json").json()
    first = answer["data"]["__type"]["fields"][0]["args"][0]["type"]
    assert first == {"kind": "NON_NULL", "isOneOf": None, "ofType": {"isOneOf": False}}
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"INTERNAL_SERVER_ERROR"}
    assert not any("attribute" in error["message"] for error in answer["errors"])
