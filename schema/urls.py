"""The doors' URLs: GraphQL, and the old service's paths."""

from django.urls import path

from schema.legacy import urls as legacy_urls
from schema.view import graphql

urlpatterns = [
    path("graphql/", graphql, name="graphql"),
    path("", legacy_urls),
]
