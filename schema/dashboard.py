"""The page that a browser gets at `/`: the dashboard, a client of the GraphQL API like any other."""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.csrf import ensure_csrf_cookie

from schema.explorer import is_served
from schema.view import prefers_html

CHARTS = "dashboard/vendor/uplot/dist/uPlot.iife.min.js"  # where frontend/copy.js puts it


@ensure_csrf_cookie  # the page sends the token with its requests, for users who are logged in
@xframe_options_deny  # for browsers that do not know the policy's frame-ancestors
def dashboard(request: HttpRequest) -> HttpResponseBase:
    """Return the page, which holds no data: its scripts ask the API with the reader's own rights."""
    return render(request, "dashboard.html", {"charts": _has_charts(), "open": settings.ALLOW_ANONYMOUS})


@cache
def _has_charts() -> bool:
    """Tell whether the charts' library was installed; without it the page shows tables."""
    return is_served(CHARTS)


def for_browsers(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer a browser that opens the view's address with the dashboard, and programs with the view.

    The address of a later page of the view's list, which has a cursor, is a program's.
    """

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **parameters: Any) -> HttpResponseBase:
        looks = request.method in ("GET", "HEAD")
        if looks and "cursor" not in request.GET and prefers_html(request):
            response = dashboard(request)
        else:
            response = view(request, *args, **parameters)
        if looks:
            patch_vary_headers(response, ["Accept"])
        return response

    return answer
