"""The WSGI entry point, which `manage.py serve` runs."""

import os
from collections.abc import Mapping
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters

from watchtime.postgresql.base import DatabaseWrapper
from watchtime.tracing import start_tracing

LONGEST_CONTENT_TYPE = 300  # characters; a boundary has 70 at most


class Request(WSGIRequest):
    """A request whose words are UTF-8.

    Django reads it in whatever codec of Python's its Content-Type names, some of which raise errors
    that nobody catches, and takes minutes for a header of a megabyte.
    """

    def _set_content_type_params(self, meta: Mapping[str, Any]) -> None:
        content_type = meta.get("CONTENT_TYPE", "")[:LONGEST_CONTENT_TYPE]
        self.content_type, self.content_params = parse_header_parameters(content_type)


class Handler(WSGIHandler):
    """Django's, with our requests."""

    request_class = Request


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup(set_prefix=False)

start_tracing("watch-time-web")  # before Django's middleware is made: one is added
application = Handler()
DatabaseWrapper.statement_timeout = settings.DATABASE_TIMEOUT
