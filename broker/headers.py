"""What messages carry beside their bytes, such as the id of the request that they come from."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_headers: ContextVar[Mapping[str, str] | None] = ContextVar("headers", default=None)


@contextmanager
def message_headers(headers: Mapping[str, str]) -> Iterator[None]:
    """Have what this thread or task publishes in the block carry these, too."""
    token = _headers.set({**current_headers(), **headers})
    try:
        yield
    finally:
        _headers.reset(token)


def current_headers() -> Mapping[str, str]:
    """Return what messages that are published now carry."""
    return _headers.get() or {}
