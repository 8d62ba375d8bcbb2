"""The REST paths of the old service, answered from the event contract and the totals."""

import logging
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cached_property, wraps
from typing import Annotated, Any, TypeVar, cast

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import Field, NinjaAPI, Path, Router, Schema, Swagger
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.params.functions import Query
from pydantic import BeforeValidator

from schema import auth
from schema.dashboard import for_browsers
from schema.legacy_schemas import (
    EventPage,
    EventSerializer,
    InvalidData,
    MovieTotalWatchTimeSerializer,
    NotStored,
    Problem,
    UserMovieTotalWatchTimeSerializer,
    UserTotalWatchTimeSerializer,
)
from watchtime import totals
from watchtime.access import CLOSED, Caller
from watchtime.database import OUTAGES, explain
from watchtime.events import (
    REPEATED,
    FieldError,
    InvalidEvent,
    PublishFailed,
    Username,
    WatchEvent,
    load_json,
    publish,
    without_repeats,
)
from watchtime.history import CursorPosition, LedgerFilter, events
from watchtime.keyset import a_time, microseconds
from watchtime.metrics import refused
from watchtime.models import MAX_SECONDS, CustomUser, Event, Movie

PAGE_SIZE = 100
RETRY_AFTER = "1"  # seconds
JSON = "application/json"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
CURSOR = r"^(older|newer)\.-?[0-9]{1,18}\.[0-9]{1,18}$"  # than this time in microseconds and this id
MAX_PK = 10**18 - 1  # that a cursor can hold
EARLIEST, LATEST = (microseconds(limit.replace(tzinfo=UTC)) for limit in (datetime.min, datetime.max))
BOOLEANS = {"true": True, "false": False}
DIGITS = re.compile("-?[0-9]{1,19}")  # 19 is what the largest 64-bit integer has
COST, PAGE_COST = 400, 4_000  # about microseconds
SECURITY_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "password": {"type": "http", "scheme": "basic"},
}
EVENT_BODY = {"schema": {"$ref": "#/components/schemas/EventSerializer"}}

logger = logging.getLogger(__name__)
AnyView = Callable[..., Any]
View = TypeVar("View", bound=AnyView)


def _caller(request: HttpRequest) -> Caller:
    """Return who asks, as `request.auth`. Raises Refused."""
    caller = auth.caller(request)
    if caller is CLOSED:
        raise auth.Unauthenticated("Send a token or a password.")
    auth.charge(request, caller, cost=PAGE_COST if request.path == "/" and request.method == "GET" else COST)
    return caller


class Api(NinjaAPI):
    """Ninja's, whose document says how callers make themselves known."""

    def get_openapi_schema(self, **_options: Any) -> OpenAPISchema:
        """Return the document; a caller needs no scheme where anonymous ones may do the same."""
        document = self._document
        document["security"] = [{name: []} for name in SECURITY_SCHEMES] + [{}] * settings.ALLOW_ANONYMOUS
        return document

    @cached_property
    def _document(self) -> OpenAPISchema:
        """Made once: it takes ten times as long as another answer, and anybody may ask for it."""
        document = super().get_openapi_schema(path_params={})
        document["components"]["securitySchemes"] = SECURITY_SCHEMES
        return document


api = Api(
    auth=_caller,
    title="Watch time: the old REST paths",
    version=settings.VERSION,
    description="New clients use GraphQL, at /graphql/.",
    openapi_url="/swagger.json",
    docs_url="/swagger/",
    docs=Swagger({"validatorUrl": None}),  # else the page tells another host about the document
    docs_decorator=require_safe,
    default_router=Router(tags=["Watch time"]),
    urls_namespace="legacy",
)


REFUSALS = {401: Problem, 403: Problem, 429: Problem}


def _digits(value: str) -> str:
    if not re.fullmatch("[0-9]{1,19}", value):
        raise ValueError("Input should be a whole number")
    return value


MoviePk = Annotated[int, Field(ge=1, le=MAX_SECONDS), BeforeValidator(_digits)]


def _read(path: str, response: type[Schema], refusals: dict[int, type[Schema]]) -> Callable[[View], View]:
    """Route GET, and HEAD, which is left out of the OpenAPI document."""
    responses = {200: response, **REFUSALS, **refusals, 503: Problem}

    def register(view: View) -> View:
        api.api_operation(["HEAD"], path, response=responses, include_in_schema=False)(view)
        return api.get(path, response=responses, operation_id=view.__name__)(view)

    return register


@_read("/", EventPage, {400: InvalidData})
def list_events(request: HttpRequest, cursor: str = Query(None, pattern=CURSOR)) -> HttpResponse:
    """List the counted events, the latest `occurred_at` first. `next` and `previous` are the URLs of more pages."""
    if not _may(request).may_read_viewers():
        raise auth.Forbidden("You may not list the events.")
    if len(request.GET.getlist("cursor")) > 1:
        return _invalid_data([("cursor", REPEATED)])
    page = _page(cursor) if cursor else _older(None)
    page.next = page.next and request.build_absolute_uri(f"?cursor={page.next}")
    page.previous = page.previous and request.build_absolute_uri(f"?cursor={page.previous}")
    # Rendered here: Django's JSON encoder would cut the times to milliseconds.
    return HttpResponse(page.model_dump_json(), content_type=JSON)


def _page(cursor: str) -> EventPage:
    """Return the page of a cursor. A time before the first or after the last possible one stands for that."""
    direction, moment, pk = cursor.split(".")
    position = a_time(min(max(int(moment), EARLIEST), LATEST)), int(pk)
    return _newer(position) if direction == "newer" else _older(position)


def _older(position: CursorPosition | None) -> EventPage:
    """Return the newest events that are older than this position in the ledger; of all events when that is None."""
    listed = events(LedgerFilter(below=position), PAGE_SIZE + 1)
    has_more, listed = len(listed) > PAGE_SIZE, listed[:PAGE_SIZE]
    newest = _position_of(listed[0]) if listed else position and _beside(position, -1)
    return EventPage(
        next=_cursor("older", _position_of(listed[-1])) if has_more else None,
        previous=_cursor("newer", newest) if position and newest else None,
        results=[_serialize(event) for event in listed],
    )


def _newer(position: CursorPosition) -> EventPage:
    """Return the oldest events that are newer than this position in the ledger."""
    listed = events(LedgerFilter(above=position), PAGE_SIZE + 1, oldest_first=True)
    has_more, listed = len(listed) > PAGE_SIZE, listed[:PAGE_SIZE][::-1]
    oldest = _position_of(listed[-1]) if listed else _beside(position, 1)
    return EventPage(
        next=_cursor("older", oldest),
        previous=_cursor("newer", _position_of(listed[0])) if has_more else None,
        results=[_serialize(event) for event in listed],
    )


def _position_of(event: Event) -> CursorPosition:
    return event.occurred_at, event.pk


def _beside(position: CursorPosition, step: int) -> CursorPosition:
    """Return the next position, so that a page from there begins with the event at this one."""
    moment, pk = position
    return moment, min(max(pk + step, 0), MAX_PK)


def _cursor(direction: str, position: CursorPosition) -> str:
    moment, pk = position
    return f"{direction}.{microseconds(moment)}.{pk}"


def _serialize(event: Event) -> EventSerializer:
    return EventSerializer(
        user=event.user.username,
        slug=event.movie.slug,
        at=event.at,
        start=event.start,
        id=event.event_id,
        occurred_at=event.occurred_at,
        positional=event.positional,
        received_at=event.received_at,
    )


@api.post(
    "/",
    response={200: str, 400: InvalidData, **REFUSALS, 411: Problem, 413: Problem, 415: Problem, 503: NotStored},
    operation_id="create_event",
    openapi_extra={"requestBody": {"required": True, "content": dict.fromkeys((JSON, *FORMS), EVENT_BODY)}},
)
def create_event(request: HttpRequest) -> HttpResponse:
    """Store an event. A string of digits is accepted for a number, "true" for true; unknown fields are ignored."""
    caller = _may(request)
    if not caller.may_publish():
        raise auth.Forbidden("You may not publish events.")
    event = _event(_fields(request))
    if not caller.may_publish_for(event.user):
        raise auth.Forbidden("You may publish only your own events.")
    auth.charge(request, caller, events=1)
    try:
        publish([event])
    except PublishFailed as error:
        verb = "may not be" if error.may_be_stored else "was not"
        logger.warning("Event %s %s published: %s", event.id, verb, " ".join(str(error).split()))
        stored = "It is not known whether the event was" if error.may_be_stored else "The event was not"
        body = {"detail": f"{stored} stored. Send it again with this id.", "id": str(event.id)}
        return JsonResponse(body, status=503, headers={"Retry-After": RETRY_AFTER})
    return JsonResponse("ok", safe=False)


def _fields(request: HttpRequest) -> object:
    """Return the decoded body. Raises HttpError and InvalidEvent when there is no decoding it."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise HttpError(415, "Send the body as it is, without a Content-Encoding")
    if "Transfer-Encoding" in request.headers:
        raise HttpError(411, "Send a Content-Length")  # Django reads no body without one
    if int(request.headers.get("Content-Length") or 0) > (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0):
        raise HttpError(413, "The body is too large")
    if request.content_type in FORMS:
        return _form(request)
    if request.content_type == JSON or not request.body:
        return load_json(request.body or b"{}")
    raise HttpError(415, f"Send {JSON} or a form")


def _form(request: HttpRequest) -> dict[str, object]:
    try:
        return without_repeats([(name, value) for name, values in request.POST.lists() for value in values])
    except (BadRequest, MultiPartParserError, SuspiciousOperation):
        raise InvalidEvent([FieldError("event", "form_invalid", "The body is no valid form")]) from None


def _event(fields: object) -> WatchEvent:
    """Make an event as the old service did. Raises InvalidEvent when it breaks the contract even so."""
    if isinstance(fields, dict):
        known = fields.keys() & WatchEvent.model_fields
        fields = {name: _READERS.get(name, _as_sent)(fields[name]) for name in known}
    return WatchEvent.from_fields(fields)


def _as_sent(value: object) -> object:
    return value


def _number(value: object) -> object:
    return int(value) if isinstance(value, str) and DIGITS.fullmatch(value) else value


def _boolean(value: object) -> object:
    return BOOLEANS.get(value, value) if isinstance(value, str) else value


_READERS = {"at": _number, "start": _number, "positional": _boolean}


@_read("/users/{username}/total-watch-time/", UserTotalWatchTimeSerializer, {404: Problem})
def user_total_watch_time(request: HttpRequest, username: Path[Username]) -> CustomUser:
    """Return the seconds that a viewer watched, of all movies."""
    return _known_user(request, username)


@_read("/movies/{pk}/total-watch-time/", MovieTotalWatchTimeSerializer, {404: Problem})
def movie_total_watch_time(request: HttpRequest, pk: Path[MoviePk]) -> Movie:
    """Return the seconds that a movie was watched, by all viewers."""
    return _known_movie(request, pk)


# After the two above, so viewers named "users" and "movies" can be read through GraphQL only.
@_read("/{username}/{movie_pk}/total-watch-time/", UserMovieTotalWatchTimeSerializer, {404: Problem})
def user_movie_total_watch_time(
    request: HttpRequest, username: Path[Username], movie_pk: Path[MoviePk]
) -> dict[str, int]:
    """Return the seconds that a viewer watched of a movie. For viewers named users or movies use GraphQL."""
    caller = _may(request)
    pair = totals.user_movie_total(username, movie_pk=movie_pk) if caller.may_read_viewer(username) else None
    if pair is None:
        _known_user(request, username)
        _known_movie(request, movie_pk)
    return {"get_total_watch_time_per_user_movie": pair.total if pair else 0}


def _may(request: HttpRequest) -> Caller:
    """Return the caller, whose permissions the view has to check."""
    return cast("Caller", request.auth)  # type: ignore[attr-defined]


def _known_user(request: HttpRequest, username: str) -> CustomUser:
    """Return a viewer. Raises HttpError for one who is unknown, and likewise for one whom the caller may not read."""
    user = totals.user_total(username) if _may(request).may_read_viewer(username) else None
    if user is None:
        raise HttpError(404, "Unknown user")
    return user


def _known_movie(request: HttpRequest, pk: int) -> Movie:
    movie = totals.movie_total(pk=pk) if _may(request).may_read_movies() else None
    if movie is None:
        raise HttpError(404, "Unknown movie")
    return movie


@api.exception_handler(auth.Refused)
def _refused(request: HttpRequest, error: auth.Refused) -> HttpResponse:
    return JsonResponse({"detail": error.message}, status=error.status, headers=error.headers)


@api.exception_handler(InvalidEvent)
def _invalid_event(request: HttpRequest, error: InvalidEvent) -> HttpResponse:
    refused(error.errors[0].code)
    return _invalid_data((field, message) for field, _, message in error.errors)


@api.exception_handler(ValidationError)
def _invalid_parameters(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Answer 400 for wrong parameters of a query, 404 for wrong ones of a path: they name what does not exist."""
    if any(detail["loc"][0] == "path" for detail in error.errors):
        return not_found(request)
    return _invalid_data((str(detail["loc"][-1]), detail["msg"]) for detail in error.errors)


def _invalid_data(errors: Iterable[tuple[str, str]]) -> HttpResponse:
    listed = [{"field": field, "message": message} for field, message in errors]
    return JsonResponse({"detail": "Invalid data", "errors": listed}, status=400)


def no_database(request: HttpRequest, error: Exception) -> HttpResponse:
    """Answer while the database is away, at every path but GraphQL's. The log has the reason, in one line."""
    logger.error("Answered 503: %s", explain(error))
    body = {"detail": "The service is not available now"}
    return JsonResponse(body, status=503, headers={"Retry-After": RETRY_AFTER})


for _outage in OUTAGES:
    api.exception_handler(_outage)(no_database)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404 in JSON; also the site's handler404, for paths that no view has."""
    return JsonResponse({"detail": "Not found"}, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 in JSON: the site's handler500. The log has the reason."""
    return JsonResponse({"detail": "Internal server error"}, status=500)


def _answering_every_method(view: AnyView) -> AnyView:
    """Answer OPTIONS, and other methods that the view does not have in JSON, where ninja writes plain text."""

    @csrf_exempt  # schema.auth asks for the token where a cookie tells who it is
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **parameters: Any) -> HttpResponseBase:
        response: HttpResponseBase = view(request, *args, **parameters)
        if response.status_code != 405:
            return response
        allow = {"Allow": ", ".join(sorted([*response["Allow"].split(", "), "OPTIONS"]))}
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers=allow)
        return JsonResponse({"detail": f"Method {request.method} not allowed"}, status=405, headers=allow)

    return answer


def _urls() -> tuple[list[Any], str, str]:
    """Return the paths, also without their last slash: a redirect to it would lose the body of a request."""
    patterns, app_name, namespace = api.urls
    slashless = []
    for pattern in patterns:
        view = _answering_every_method(cast(AnyView, pattern.callback))
        pattern.callback = view = view if str(pattern.pattern) else for_browsers(view)
        slashless.append(path(str(pattern.pattern).removesuffix("/"), view))
    return [*patterns, *slashless], app_name, namespace


urls = _urls()
