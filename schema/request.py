"""GraphQL over HTTP: the operations of a request (https://graphql.github.io/graphql-over-http/draft/)."""

import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from strawberry.http import GraphQLRequestData

from schema.errors import ErrorCode, RequestError
from watchtime.events import without_repeats

LONGEST_INT = 40  # digits; a longer one becomes a float, which no Int takes


def read(request: HttpRequest) -> GraphQLRequestData | list[GraphQLRequestData]:
    """Return what the request asks for: an operation, or a batch of them.

    Raises RequestError when it is no GraphQL request. The types of an operation's parameters are checked later,
    for they can be wrong in one operation of a batch.
    """
    if request.method in ("GET", "HEAD"):
        params: dict[str, Any] = {name: _parameter(request, name) or None for name in ("query", "operationName")}
        return _operation(
            params | {name: _decode(_parameter(request, name) or "null") for name in ("variables", "extensions")}
        )
    _require_json(request)
    body = _decode(_body(request))
    return [_operation(item) for item in _batch(body)] if isinstance(body, list) else _operation(body)


def _parameter(request: HttpRequest, name: str) -> str:
    """Return a parameter of the URL. Raises RequestError when it is there more than once: Django takes the last one."""
    values = request.GET.getlist(name)
    if len(values) > 1:
        raise RequestError(400, f"The URL has the parameter {name} more than once.")
    return values[0] if values else ""


def _operation(params: object) -> GraphQLRequestData:
    if not isinstance(params, dict):
        raise RequestError(400, "The body must be a JSON object, or a list of such objects.")
    return GraphQLRequestData(
        params.get("query"), params.get("variables"), params.get("operationName"), params.get("extensions")
    )


def _batch(items: list[Any]) -> list[Any]:
    if not 0 < len(items) <= settings.GRAPHQL_MAX_BATCH:
        raise RequestError(400, f"A batch has 1 to {settings.GRAPHQL_MAX_BATCH} operations.")
    return items


def _require_json(request: HttpRequest) -> None:
    charset = (request.content_params or {}).get("charset", "utf-8")
    if request.content_type != "application/json" or charset.lower() not in ("utf-8", "utf8"):
        raise RequestError(415, "Send application/json in UTF-8.")
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in ("", "identity"):
        raise RequestError(415, "Send the body as it is: the service reads no Content-Encoding.")


def _body(request: HttpRequest) -> bytes:
    limit, declared = settings.GRAPHQL_MAX_BODY, request.META.get("CONTENT_LENGTH") or "0"
    body = b"" if declared.isdecimal() and int(declared[:20]) > limit else _stream(request).read(limit + 1)
    if (not body and declared != "0") or len(body) > limit:
        raise RequestError(413, f"The body must have at most {limit:,} bytes.", ErrorCode.TOO_LARGE)
    return body


def _stream(request: HttpRequest) -> Any:
    """Return the stream of the body. Django reads nothing of a body in chunks, which has no Content-Length."""
    ends = "HTTP_TRANSFER_ENCODING" in request.META and request.META.get("wsgi.input_terminated")
    return request.META["wsgi.input"] if ends else request


def _decode(body: bytes | str) -> object:
    """Return what JSON says.

    Raises RequestError for what is no JSON, and for more values than any request needs: they take long to make.
    """
    text = body if isinstance(body, bytes) else body.encode(errors="surrogatepass")
    if text.count(b",") + text.count(b"[") + text.count(b"{") > settings.GRAPHQL_MAX_VALUES:
        message = f"The body must have at most {settings.GRAPHQL_MAX_VALUES:,} commas and brackets."
        raise RequestError(413, message, ErrorCode.TOO_LARGE)
    try:
        return _DECODER.decode(body if isinstance(body, str) else body.decode())
    except (ValueError, RecursionError):
        raise RequestError(400, "The request is not JSON in UTF-8, or has a name twice in one object.") from None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_INT else float(digits)


_DECODER = json.JSONDecoder(object_pairs_hook=without_repeats, parse_int=_integer)
