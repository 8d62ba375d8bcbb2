"""The WSGI application: Django with requests that are always read as UTF-8. `project.asgi` runs it in threads."""

import os
from collections.abc import MutableMapping
from typing import Any

import django
from django.conf import settings
from django.core.cache import close_caches
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, reset_queries
from django.utils.http import parse_header_parameters

from watchtime.postgresql.base import DatabaseWrapper
from watchtime.tracing import start_tracing

LONGEST_CONTENT_TYPE = 300  # characters; a boundary has 70 at most


class Request(WSGIRequest):
    """A request that is read as UTF-8.

    Django uses any codec of Python that the Content-Type names. Some of them raise errors that nobody
    catches, and parsing a header of a megabyte takes minutes. It is cut for all who read it: the parser
    of forms looks at it by itself.
    """

    def _set_content_type_params(self, meta: MutableMapping[str, Any]) -> None:
        meta["CONTENT_TYPE"] = meta.get("CONTENT_TYPE", "")[:LONGEST_CONTENT_TYPE]
        self.content_type, self.content_params = parse_header_parameters(meta["CONTENT_TYPE"])


class Handler(WSGIHandler):
    """Django's WSGI handler, which makes such requests."""

    request_class = Request


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup(set_prefix=False)

# What Django does around each request, and this service has no use for: connections are looked at when a request ends,
# queries are kept for DEBUG alone, and none of the caches here is closed after each request.
request_started.disconnect(close_old_connections)
if not settings.DEBUG:
    request_started.disconnect(reset_queries)
request_finished.disconnect(close_caches)

start_tracing("watch-time-web")  # before Django's middleware is made: one is added
application = Handler()
DatabaseWrapper.statement_timeout = settings.DATABASE_TIMEOUT
