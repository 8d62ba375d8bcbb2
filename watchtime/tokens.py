"""Bearer tokens: JSON Web Tokens (RFC 7519) that say who calls, and what they may.

HS256 is checked by JWT_SECRET; RS256 and ES256 by JWT_PUBLIC_KEY, or by the key of JWT_JWKS_FILE that the
token's `kid` names. A key has one algorithm, whatever a token says (RFC 8725, section 3.1).
"""

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.conf import settings
from pydantic import TypeAdapter, ValidationError

from watchtime.access import VIEWER_SCOPE, Caller, token_caller
from watchtime.events import Username

LONGEST_TOKEN = 8_192  # characters; about what a proxy takes as a header
LONGEST_SUBJECT = 255
LEEWAY = 30  # seconds that the clocks of issuer and service may differ
SHORTEST_SECRET = 32  # bytes, RFC 7518, section 3.2
SHORTEST_RSA = 2048  # bits, RFC 7518, section 3.3
LATEST = 253_402_300_799  # the end of the year 9999, in seconds since the epoch
REQUIRED = ["exp", "sub"]

logger = logging.getLogger(__name__)
_username = TypeAdapter(Username)


class InvalidToken(Exception):
    """A token that is not accepted: why, in words that show nothing of it."""


class UnusableKey(ValueError):
    """A key that no token can be checked by."""


@dataclass(frozen=True)
class Key:
    """A key with the one algorithm that it is used for."""

    value: Any
    algorithm: str


def public_key(pem: str) -> Key:
    """Return the RSA or P-256 public key of a PEM text, whose lines may be joined by `\\n`.

    Raises UnusableKey.
    """
    try:
        return _fit(load_pem_public_key(pem.replace("\\n", "\n").encode()))
    except ValueError as error:
        raise UnusableKey(f"it is no public key in PEM: {error}") from error


def _fit(key: object) -> Key:
    if isinstance(key, RSAPublicKey) and key.key_size >= SHORTEST_RSA:
        return Key(key, "RS256")
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return Key(key, "ES256")
    raise UnusableKey(f"it is neither an RSA key of {SHORTEST_RSA} bits or more nor a P-256 key")


def read_jwks(path: str) -> dict[str, Key]:
    """Return the keys of a JWKS file (RFC 7517) by their `kid`, without those for other uses.

    Raises UnusableKey when it holds none that a token can be checked by, and OSError.
    """
    try:
        listed = json.loads(Path(path).read_text())["keys"]
        keys = {item["kid"]: _jwk(item) for item in listed if _is_for_tokens(item)}
    except (ValueError, KeyError, TypeError, RecursionError, jwt.PyJWTError) as error:
        raise UnusableKey(f"{path} is no JWKS file: {type(error).__name__}: {error}") from error
    if not keys:
        raise UnusableKey(f"{path} has no RS256 or ES256 key with a kid")
    return keys


def _is_for_tokens(item: Mapping[str, Any]) -> bool:
    algorithm = item.get("alg") or {"RSA": "RS256", "EC": "ES256"}.get(item.get("kty", ""))
    curve = item.get("crv", "P-256")
    return algorithm in ("RS256", "ES256") and curve == "P-256" and item.get("use", "sig") == "sig" and "kid" in item


def _jwk(item: Mapping[str, Any]) -> Key:
    return _fit(jwt.PyJWK(dict(item)).key)


class JwksFile:
    """The keys of a JWKS file, which is read again when it changes, so that keys rotate without a restart."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._stamp = self._now()
        self.keys: Mapping[str, Key] = read_jwks(path)

    def refresh(self) -> bool:
        """Read the file again if it changed; return whether there are new keys. One that is wrong changes nothing."""
        stamp = self._now()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self.keys = read_jwks(self.path)
        except (OSError, UnusableKey) as error:
            logger.error("JWT_JWKS_FILE was not read again, its keys of before stay in use: %s", error)
            return False
        logger.info("JWT_JWKS_FILE changed: %d keys are in use", len(self.keys))
        return True

    def _now(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


class Keyring:
    """What tokens are checked by, and the tokens that were found good."""

    def __init__(self, secret: str, public: str, jwks_file: str, audience: str, issuer: str) -> None:
        self._audience, self._issuer = audience or None, issuer or None
        self._secret = Key(secret, "HS256") if secret else None
        self._public = public_key(public) if public else None
        self._jwks = JwksFile(jwks_file) if jwks_file else None
        self.check: Callable[[str], tuple[Caller, float]] = lru_cache(maxsize=1000)(self._check)

    def caller(self, token: str) -> Caller:
        """Return who a token says that calls. Raises InvalidToken."""
        if len(token) > LONGEST_TOKEN or not token.isascii():
            raise InvalidToken("it is too long or not ASCII")
        if self._jwks and self._jwks.refresh():
            self.check = lru_cache(maxsize=1000)(self._check)
        caller, expires = self.check(token)
        if expires + LEEWAY <= time.time():
            raise InvalidToken("it has expired")
        return caller

    def _check(self, token: str) -> tuple[Caller, float]:
        """Return the caller, and when the token expires as a time stamp."""
        try:
            key = self._key(jwt.get_unverified_header(token))
            claims = jwt.decode(
                token,
                key.value,
                algorithms=[key.algorithm],
                options={"require": REQUIRED},
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY,
            )
        except jwt.PyJWTError as error:
            raise InvalidToken(type(error).__name__) from None
        return _caller(claims), _expiry(claims["exp"])

    def _key(self, header: Mapping[str, Any]) -> Key:
        """Return the key for a header, which nobody has checked yet: it chooses among keys, never how one is used."""
        if header.get("alg") == "HS256":
            key = self._secret
        elif self._jwks and ("kid" in header or not self._public):
            key = self._jwks.keys.get(header.get("kid", ""))
        else:
            key = self._public
        if key is None or key.algorithm != header.get("alg"):
            raise InvalidToken("no key is known for its alg and kid")
        return key


def _expiry(value: object) -> float:
    """Return a time stamp. An integer of JSON may be too long for a float, and a token without an end is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value > LATEST:
        raise InvalidToken("its exp is no time")
    return float(value)


def _caller(claims: Mapping[str, Any]) -> Caller:
    subject, scope = claims["sub"], claims.get("scope", "")
    if not isinstance(scope, str):
        raise InvalidToken("its scope is no text")
    if not (0 < len(subject) <= LONGEST_SUBJECT and subject.isprintable()):
        raise InvalidToken("its sub is empty, too long or not printable")
    scopes = scope.split(" ")
    if VIEWER_SCOPE in scopes:
        _require_username(subject)
    return token_caller(subject, scopes)


def _require_username(subject: str) -> None:
    try:
        _username.validate_python(subject)
    except ValidationError:
        raise InvalidToken("its sub is no username") from None


@lru_cache(maxsize=1)
def _keyring(*sources: str) -> Keyring:
    return Keyring(*sources)


def keyring() -> Keyring:
    """Return the keyring of the settings."""
    return _keyring(
        settings.JWT_SECRET,
        settings.JWT_PUBLIC_KEY,
        settings.JWT_JWKS_FILE,
        settings.JWT_AUDIENCE,
        settings.JWT_ISSUER,
    )


def verify(token: str) -> Caller:
    """Return who a token says that calls. Raises InvalidToken."""
    try:
        return keyring().caller(token)
    except (UnusableKey, OSError) as error:  # the start checks them, so they changed since
        logger.error("No token can be checked: %s", error)
        raise InvalidToken("the keys cannot be read") from None


def issue(subject: str, scopes: Iterable[str], lifetime: int) -> str:
    """Return a token signed by JWT_SECRET that is good for `lifetime` seconds.

    Raises InvalidToken for one that the service would not take itself.
    """
    if not settings.JWT_SECRET:
        raise InvalidToken("JWT_SECRET is not set; tokens for public keys come from the holder of the private key")
    now = int(time.time())
    claims: dict[str, Any] = {"sub": subject, "scope": " ".join(scopes), "iat": now, "exp": now + lifetime}
    if settings.JWT_AUDIENCE:
        claims["aud"] = settings.JWT_AUDIENCE
    if settings.JWT_ISSUER:
        claims["iss"] = settings.JWT_ISSUER
    token = jwt.encode(claims, settings.JWT_SECRET, algorithm="HS256")
    verify(token)
    return token
