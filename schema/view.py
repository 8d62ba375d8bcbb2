"""The GraphQL endpoint: Strawberry's view, with every error as JSON."""

import json
from typing import Any, cast

from cross_web import DjangoHTTPRequestAdapter, HTTPException
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from graphql import GraphQLError
from strawberry.django.views import GraphQLView
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData, process_result
from strawberry.types import ExecutionResult

from schema.auth import Refused, caller
from schema.context import Context
from schema.errors import ErrorCode, RequestError
from schema.explorer import explorer
from schema.request import read
from schema.schema import schema

PATH = "graphql"  # with or without a slash behind it
JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
LONGEST_ACCEPT = 1_000  # characters; browsers send some 150
METHODS = "GET, HEAD, OPTIONS, POST"
_ASKS = {"query", "extensions"}
_CHARSETS = ("", "; charset=utf-8")
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_STATUSES = {ErrorCode.INTERNAL_SERVER_ERROR.name: 500, ErrorCode.SERVICE_UNAVAILABLE.name: 503}


class RequestAdapter(DjangoHTTPRequestAdapter):
    """Strawberry's view of a request: HEAD asks for what GET does, and the server leaves the body out."""

    @property
    def method(self) -> Any:
        """Return the method."""
        return "GET" if self.request.method == "HEAD" else super().method


class WatchTimeView(GraphQLView[Context, None]):
    """Strawberry's view with this service's request checks, context, statuses, media types and explorer."""

    request_adapter_class = RequestAdapter
    status: int | None = None  # of an answer without data, where the media type does not decide

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer a request, in JSON also where Strawberry would answer in plain text."""
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": METHODS})
        try:
            if request.method not in METHODS.split(", "):
                raise RequestError(405, f"Use one of {METHODS}.")
            return self.run(request=request)
        except SuspiciousOperation:
            raise  # Django's, for `bad_request`
        except Refused as error:
            response = self.refuse(RequestError.of(error))
            for name, value in error.headers.items():
                response[name] = value
            return response
        except HTTPException as error:
            return self.refuse(RequestError(error.status_code, error.reason))
        except Exception as error:
            return self.refuse(error)

    def should_render_graphql_ide(self, request: Any) -> bool:
        """Say whether a browser opens the endpoint as a page."""
        return request.method == "GET" and not _ASKS.intersection(self.request.GET) and prefers_html(self.request)

    def render_graphql_ide(self, request: HttpRequest) -> HttpResponse:
        """Return the explorer's page."""
        return cast("HttpResponse", explorer(request))

    def parse_http_body(self, request: Any) -> GraphQLRequestData | list[GraphQLRequestData]:
        """Return the operations of the request. Raises RequestError when it is no GraphQL request."""
        return read(self.request)

    def get_context(self, request: HttpRequest, response: HttpResponse) -> Context:
        """Return what resolvers find as `info.context`; the operations of a batch share it. Raises Refused."""
        return Context(request=request, response=response, caller=caller(request))

    def process_result(self, request: HttpRequest, result: ExecutionResult) -> GraphQLHTTPResponse:
        """Return the response map of the specification; without data when nothing was executed."""
        response = process_result(result)
        if result.errors and result.data is None and not any(error.path for error in result.errors):
            self.status = _status(result.errors[0])
            del response["data"]
        return response

    def get_sub_response(self, request: HttpRequest) -> Any:
        """Return the response, which resolvers find as `info.context.response`; the answer is put into it."""
        return HttpResponse()

    def create_response(self, response_data: Any, sub_response: HttpResponse) -> HttpResponseBase:
        """Return a response in the media type that the client prefers.

        In application/json a refused document has status 200, as the specification
        has it for the sake of old clients.
        """
        sub_response.content = _ENCODER.encode(response_data).encode()
        media_type = _media_type(self.request)
        if isinstance(response_data, dict) and "data" not in response_data:
            sub_response.status_code = self.status or (400 if media_type == GRAPHQL_JSON else 200)
        if sub_response.status_code == 405:
            sub_response["Allow"] = METHODS if self.request.method not in ("GET", "HEAD") else "POST"
        sub_response["Content-Type"] = f"{media_type}; charset=utf-8"
        return sub_response

    def refuse(self, error: Exception) -> HttpResponseBase:
        """Return the answer for a request of which nothing was executed."""
        shown = error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
        self.schema.process_errors([shown])
        response = self.process_result(self.request, ExecutionResult(data=None, errors=[shown]))
        return self.create_response(response, self.get_sub_response(self.request))


# schema.auth is the protection: it asks for Django's token where a session says who it is.
graphql = csrf_exempt(WatchTimeView.as_view(schema=schema))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer 400 for what Django refuses before any view, such as an unknown Host: the site's handler400."""
    if request.path_info.strip("/") != PATH:
        return JsonResponse({"detail": "Bad request"}, status=400)
    view = WatchTimeView(schema=schema)
    view.setup(request)
    return view.refuse(RequestError(400, "The service does not take such a request."))


def _status(error: GraphQLError) -> int | None:
    """Return the HTTP status of an answer without data; None when it depends on the media type."""
    if isinstance(error, RequestError):
        return error.status
    return _STATUSES.get((error.extensions or {}).get("code", ""))


def _media_type(request: HttpRequest) -> str:
    if GRAPHQL_JSON not in request.META.get("HTTP_ACCEPT", ""):
        return JSON
    preferred = _preferred(request, [f"{name}{charset}" for name in (GRAPHQL_JSON, JSON) for charset in _CHARSETS])
    return preferred.partition(";")[0] if preferred else JSON


def prefers_html(request: HttpRequest) -> bool:
    if "text/html" not in request.META.get("HTTP_ACCEPT", ""):
        return False
    return _preferred(request, ["text/html", JSON, GRAPHQL_JSON]) == "text/html"


def _preferred(request: HttpRequest, media_types: list[str]) -> str | None:
    """Return the media type that the client prefers; None for a header that would take long to read."""
    if len(request.META.get("HTTP_ACCEPT", "")) > LONGEST_ACCEPT:
        return None
    return request.get_preferred_type(media_types)
