"""The peer: the simplest application of strawberry-graphql-django on the same models, as its documentation writes it.

It uses Strawberry's caches for parsing and validation, and has no limits.
"""

import uuid

import strawberry
import strawberry_django
from django.views.decorators.csrf import csrf_exempt
from strawberry.django.views import GraphQLView
from strawberry.extensions import ParserCache, ValidationCache

from schema.scalars import SCALARS, Seconds
from watchtime import models
from watchtime.events import WatchEvent, publish


@strawberry_django.type(models.CustomUser)
class User:
    username: strawberry.auto
    total_watch_time: Seconds


@strawberry.type
class Problem:
    path: list[str]
    code: str
    message: str


@strawberry.type
class Published:
    id: uuid.UUID
    user_errors: list[Problem]


@strawberry.input
class EventInput:
    user: str
    slug: str
    at: int
    start: int = 0


@strawberry.type
class Query:
    @strawberry_django.field
    def user_total_watch_time(self, username: str) -> User | None:
        return models.CustomUser.objects.filter(username=username).first()


@strawberry.type
class Mutation:
    @strawberry.mutation
    def publish_event(self, event: EventInput) -> Published:
        accepted = WatchEvent(**vars(event))
        publish([accepted])
        return Published(id=accepted.id, user_errors=[])


schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    extensions=[ParserCache, ValidationCache],
    config=strawberry.schema.config.StrawberryConfig(scalar_map=SCALARS),
)
view = csrf_exempt(GraphQLView.as_view(schema=schema))
