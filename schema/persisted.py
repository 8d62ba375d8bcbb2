"""Automatic persisted queries: a client sends a document once, and then only its hash.

The protocol is Apollo's: https://www.apollographql.com/docs/apollo-server/performance/apq/.
The documents are in one of Django's caches, which the worker processes of one `serve` share; with CACHE_URL all
processes of the service do. The cache limits their number, and this module the bytes of each. A process also keeps the
ones it used last in memory, so that other clients' documents do not push them out and no file is read for them.
"""

from collections.abc import Mapping
from hashlib import sha256
from sys import getsizeof
from threading import Lock
from typing import Any

from cachetools import LRUCache, cached
from django.conf import settings
from django.core.cache import caches

from schema.errors import ErrorCode, RequestError

CACHE = "persisted"
_recent: LRUCache[str, str] = LRUCache(settings.GRAPHQL_MAX_CACHE // 4, getsizeof=getsizeof)
KEEP = 24 * 3600  # seconds


def document_text(text: str | None, extensions: Mapping[str, Any] | None) -> str:
    """Return the text of an operation's document, from the cache when the client sent only its hash.

    Raises RequestError when it is unknown, or when text and hash do not belong together.
    """
    persisted = (extensions or {}).get("persistedQuery")
    if persisted is None:
        if not text:
            raise RequestError(400, "Send the GraphQL document as query.")
        return text
    digest = _digest(persisted)
    if text is None:
        return _known(digest)
    if sha256(text.encode(errors="surrogatepass")).hexdigest() != digest:
        raise RequestError(400, "The persisted query's hash is not the document's.")
    return text


def remember(text: str, extensions: Mapping[str, Any] | None) -> None:
    """Keep a valid document, if its client sent a hash and it has at most GRAPHQL_MAX_PERSISTED bytes."""
    persisted = (extensions or {}).get("persistedQuery")
    if persisted is not None and len(text.encode(errors="surrogatepass")) <= settings.GRAPHQL_MAX_PERSISTED:
        caches[CACHE].add(_key(_digest(persisted)), text, KEEP)


@cached(_recent, lock=Lock())
def _known(digest: str) -> str:
    document = caches[CACHE].get(_key(digest))
    if document is None:
        # Apollo's clients look for this message, in an answer with this status.
        raise RequestError(200, "PersistedQueryNotFound", ErrorCode.PERSISTED_QUERY_NOT_FOUND)
    return str(document)


def forget() -> None:
    """Forget every document."""
    _recent.clear()
    caches[CACHE].clear()


def _digest(persisted: Any) -> str:
    version, digest = (persisted.get("version"), persisted.get("sha256Hash")) if isinstance(persisted, dict) else (0, 0)
    if version != 1 or not isinstance(digest, str) or len(digest) != 64 or not digest.isalnum() or not digest.isascii():
        raise RequestError(400, "persistedQuery must have version 1 and a sha256Hash of 64 digits.")
    return digest.lower()


def _key(digest: str) -> str:
    return f"graphql:{digest}"
