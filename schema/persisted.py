"""Automatic persisted queries: a client sends a document once, and then only its hash.

The protocol is Apollo's: https://www.apollographql.com/docs/apollo-server/performance/apq/.
The documents are in Django's cache, so that an operator can have all processes share them.
"""

from dataclasses import replace
from hashlib import sha256
from typing import Any

from django.core.cache import cache

from schema.errors import ErrorCode, RequestError
from schema.request import Operation

KEEP = 24 * 3600  # seconds


def with_document(operation: Operation) -> Operation:
    """Return an operation that has its document, from the cache where the client sent only a hash.

    Raises RequestError when the document is unknown, or is not the one of the hash.
    """
    persisted = (operation.extensions or {}).get("persistedQuery")
    if persisted is None:
        return operation
    digest = _digest(persisted)
    if operation.query is None:
        return replace(operation, query=_known(digest))
    if sha256(operation.query.encode(errors="surrogatepass")).hexdigest() != digest:
        raise RequestError(400, "The persisted query's hash is not the document's.")
    return operation


def remember(operation: Operation) -> None:
    """Keep the document of an operation that has been found valid, if its client asks for that."""
    persisted = (operation.extensions or {}).get("persistedQuery")
    if persisted is not None:
        cache.add(_key(_digest(persisted)), operation.query, KEEP)


def _known(digest: str) -> str:
    document = cache.get(_key(digest))
    if document is None:
        # Apollo's clients look for this message, in an answer with this status.
        raise RequestError(200, "PersistedQueryNotFound", ErrorCode.PERSISTED_QUERY_NOT_FOUND)
    return str(document)


def _digest(persisted: Any) -> str:
    version, digest = (persisted.get("version"), persisted.get("sha256Hash")) if isinstance(persisted, dict) else (0, 0)
    if version != 1 or not isinstance(digest, str) or len(digest) != 64 or not digest.isalnum() or not digest.isascii():
        raise RequestError(400, "A persisted query has version 1 and a sha256Hash.")
    return digest.lower()


def _key(digest: str) -> str:
    return f"graphql:{digest}"
