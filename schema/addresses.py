"""The client's address, which behind a reverse proxy is in X-Forwarded-For."""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest

LONGEST_FORWARDED = 1_000  # characters of X-Forwarded-For that are looked at


def client_address(request: HttpRequest) -> str:
    """Return the address of the request's client."""
    return address_in(request.META)


def address_in(variables: Mapping[str, Any]) -> str:
    """Return the client's address in a request's variables; for IPv6 its /64 network, which is what one customer gets.

    A proxy is believed when it is one of TRUSTED_PROXIES, and so is what it says of the proxy before it.
    """
    told = [variables.get("REMOTE_ADDR", "")]
    told += reversed(variables.get("HTTP_X_FORWARDED_FOR", "")[-LONGEST_FORWARDED:].split(","))
    for candidate in map(str.strip, told):
        if not _is_trusted_proxy(candidate):
            break
    return _network(candidate)


def _is_trusted_proxy(text: str) -> bool:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(found in network for network in _networks(tuple(settings.TRUSTED_PROXIES)))


@lru_cache(maxsize=8)
def _networks(texts: tuple[str, ...]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(text) for text in texts]


def _network(text: str) -> str:
    """Return an address as limits count it; a text that is no address stays as it is."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else found
    return str(mapped or ipaddress.ip_network(f"{found}/64", strict=False).network_address)
