"""The GraphQL endpoint: GraphQL over HTTP, in JSON whatever happens."""

import json
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from graphql import ExecutionResult

from schema.errors import RequestError, public, refusal_for
from schema.execution import Context, run
from schema.explorer import explorer
from schema.request import Operation, read

PATH = "graphql/"
JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
LONGEST_ACCEPT = 1_000  # characters; browsers send some 150
_ASKS = {"query", "extensions"}
_CHARSETS = ("", "; charset=utf-8")
_ENCODER = json.JSONEncoder(separators=(",", ":"))


@csrf_exempt  # schema.request.refuse_other_sites is the protection: API clients have no cookies and no token
def graphql(request: HttpRequest) -> HttpResponseBase:
    """Answer a GraphQL request, or a browser that only looks."""
    if request.method == "GET" and not _ASKS.intersection(request.GET) and _prefers_html(request):
        return explorer(request)
    try:
        if request.method not in ("GET", "POST"):
            raise RequestError(405, "Use GET or POST.")
        operations = read(request)
        if isinstance(operations, list):
            return _answer(request, _execute_batch(request, operations))
        return _answer(request, _shape(run(Context(request), operations)))
    except SuspiciousOperation:
        raise  # Django's, for `bad_request`
    except Exception as error:
        return _refusal(request, refusal_for(error))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer for what Django refuses before any view, such as a Host that is not ours: the site's handler400."""
    if request.path_info == f"/{PATH}":
        return _refusal(request, RequestError(400, "The service does not take such a request."))
    return JsonResponse({"detail": "Bad request"}, status=400)


def _execute_batch(request: HttpRequest, operations: list[Operation]) -> list[dict[str, Any]]:
    """Execute operations one after the other; together they may cost what one may."""
    context, responses = Context(request), []
    for operation in operations:
        try:
            responses.append(_shape(run(context, operation)))
        except Exception as error:
            responses.append({"errors": [public(refusal_for(error))]})
    return responses


def _shape(result: ExecutionResult) -> dict[str, Any]:
    """Return the response map of the specification; without data when nothing was executed."""
    if not result.errors:
        return {"data": result.data}
    errors = [public(error) for error in result.errors]
    if result.data is None and not any("path" in error for error in errors):
        return {"errors": errors}
    return {"errors": errors, "data": result.data}


def _answer(request: HttpRequest, response: dict[str, Any] | list[dict[str, Any]]) -> HttpResponse:
    """Return a result in the media type that the client prefers.

    In application/json a refused document has status 200, as the specification
    has it for the sake of old clients.
    """
    content_type = _media_type(request)
    refused = isinstance(response, dict) and "data" not in response and content_type == GRAPHQL_JSON
    return HttpResponse(
        _encode(response), content_type=f"{content_type}; charset=utf-8", status=400 if refused else 200
    )


def _refusal(request: HttpRequest, error: RequestError) -> HttpResponse:
    content_type = f"{_media_type(request)}; charset=utf-8"
    response = HttpResponse(_encode({"errors": [public(error)]}), content_type=content_type, status=error.status)
    if error.status == 405:
        response["Allow"] = "POST" if request.method == "GET" else "GET, POST"
    return response


def _encode(response: object) -> bytes:
    return _ENCODER.encode(response).encode()


def _media_type(request: HttpRequest) -> str:
    if GRAPHQL_JSON not in request.META.get("HTTP_ACCEPT", ""):
        return JSON
    preferred = _preferred(request, [f"{name}{charset}" for name in (GRAPHQL_JSON, JSON) for charset in _CHARSETS])
    return preferred.partition(";")[0] if preferred else JSON


def _prefers_html(request: HttpRequest) -> bool:
    if "text/html" not in request.META.get("HTTP_ACCEPT", ""):
        return False
    return _preferred(request, ["text/html", JSON, GRAPHQL_JSON]) == "text/html"


def _preferred(request: HttpRequest, media_types: list[str]) -> str | None:
    """Return the media type that the client prefers; None for a header that would take long to read."""
    if len(request.META.get("HTTP_ACCEPT", "")) > LONGEST_ACCEPT:
        return None
    return request.get_preferred_type(media_types)
