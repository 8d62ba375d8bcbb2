"""The page that a browser gets at the GraphQL endpoint."""

from django.http import HttpRequest, HttpResponse


def explorer(request: HttpRequest) -> HttpResponse:
    """Return the page."""
    return HttpResponse("<!doctype html><title>GraphQL</title><p>Send GraphQL requests to this address.</p>")
