"""The page that a browser gets at the GraphQL endpoint: GraphiQL, from the service's own files."""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

from csp.decorators import csp_update
from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.templatetags.static import static
from django.utils.cache import patch_vary_headers
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.csrf import ensure_csrf_cookie

CDN = "https://unpkg.com"
CDN_POLICY = {"script-src": [CDN], "style-src": [CDN]}


class Asset(NamedTuple):
    """A file of a package on npm, and what its SHA-384 must be when another host sends it."""

    package: str
    version: str
    path: str
    sha384: str

    @property
    def local_name(self) -> str:
        """Return the file's name among the static files, where frontend/copy.js puts it."""
        return f"explorer/vendor/{self.package}/{self.path}"

    @property
    def cdn_url(self) -> str:
        return f"{CDN}/{self.package}@{self.version}/{self.path}"


_ASSETS = json.loads(Path(__file__).with_name("explorer.json").read_text())
STYLES = tuple(Asset(**asset) for asset in _ASSETS["styles"])
SCRIPTS = tuple(Asset(**asset) for asset in _ASSETS["scripts"])  # in the order that they need each other


@ensure_csrf_cookie  # the page sends the token with its requests, for users who are logged in
@xframe_options_deny  # for browsers that do not know the policy's frame-ancestors
def explorer(request: HttpRequest) -> HttpResponseBase:
    """Return the page. Where GraphiQL's files were not installed, it offers to load them from a CDN (`?cdn`)."""
    local = _installed()
    from_cdn = not local and "cdn" in request.GET
    shown = local or from_cdn
    context = {
        "local": local,
        "from_cdn": from_cdn,
        "cdn": CDN,
        "styles": [_source(asset, local) for asset in STYLES] if shown else [],
        "scripts": [_source(asset, local) for asset in SCRIPTS] if shown else [],
    }
    response = render(request, "explorer.html", context)
    patch_vary_headers(response, ["Accept"])
    return csp_update(CDN_POLICY)(lambda _: response)(request) if from_cdn else response


def _source(asset: Asset, local: bool) -> dict[str, str]:
    if local:
        return {"url": static(asset.local_name)}
    return {"url": asset.cdn_url, "integrity": f"sha384-{asset.sha384}"}


@cache
def _installed() -> bool:
    """Tell whether every file is where static files are served from."""
    return all(is_served(asset.local_name) for asset in (*STYLES, *SCRIPTS))


def is_served(name: str) -> bool:
    return staticfiles_storage.exists(name) or (settings.DEBUG and finders.find(name) is not None)
