"""Keys and tokens of many kinds, good and bad."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

SUBJECT = "player-backend"


@cache
def rsa_key(name: str = "a", bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(name: str = "a") -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: Any) -> str:
    """Return the public key of a private one."""
    encoded: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return encoded.decode()


def jwk(key: Any, kid: str, **fields: Any) -> dict[str, Any]:
    """Return the public key of a private one, as a JWKS file has it."""
    kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**json.loads(kind.to_jwk(key.public_key())), "kid": kid, **fields}


def claims(**changes: Any) -> dict[str, Any]:
    """Return good claims, with changes; None leaves a claim out."""
    made = {"sub": SUBJECT, "scope": "events:publish totals:read", "exp": int(time.time()) + 600, **changes}
    return {name: value for name, value in made.items() if value is not None}


def sign(key: Any = None, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **changes: Any) -> str:
    """Return a token signed by a key, the settings' secret unless told otherwise."""
    return jwt.encode(claims(**changes), key or settings.JWT_SECRET, algorithm=algorithm, headers=headers)


def part(content: object) -> str:
    """Return a part of a token."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def by_hand(header: object, payload: object, secret: str = "") -> str:
    """Return a token as no library would make it, signed with HMAC-SHA256 where there is a secret."""
    signed = f"{part(header)}.{part(payload)}"
    signature = hmac.digest(secret.encode(), signed.encode(), hashlib.sha256) if secret else b""
    return f"{signed}.{part(signature)}"


def _with(name: str, text: str) -> bytes:
    """Return good claims with one that JSON writes so, which no encoder would."""
    return json.dumps(claims(**{name: 1})).replace(f'"{name}": 1', f'"{name}": {text}').encode()


def wrong() -> Iterator[tuple[str, str]]:
    """Yield how a token is wrong, and the token: each must be refused by a service that takes HS256 alone."""
    secret, now, good = settings.JWT_SECRET, int(time.time()), sign()
    header, payload, signature = good.split(".")
    flipped = "A" if signature[5] != "A" else "B"
    yield "empty", ""
    yield "no token", "null"
    yield "one part", header
    yield "two parts", f"{header}.{payload}"
    yield "four parts", f"{good}.{payload}"
    yield "five parts, as an encrypted token has", f"{good}.{payload}.{signature}"
    yield "no signature", f"{header}.{payload}."
    yield "a signature cut short", good[:-4]
    yield "a changed signature", f"{header}.{payload}.{signature[:5]}{flipped}{signature[6:]}"
    yield "a signature of another token", f"{header}.{part(claims(sub='admin'))}.{signature}"
    yield "padding that is not base64", f"{header}.{payload}.{signature}!!!!"
    yield "another secret", sign("another-secret-" + "x" * 40)
    yield "the empty secret", by_hand({"alg": "HS256", "typ": "JWT"}, claims())
    for none in ("none", "None", "NONE", "nOnE", "", None, 0, [], "HS256 "):
        yield f"alg {none!r}", by_hand({"alg": none, "typ": "JWT"}, claims())
        yield f"alg {none!r}, signed", by_hand({"alg": none, "typ": "JWT"}, claims(), secret)
    yield "no alg", by_hand({"typ": "JWT"}, claims(), secret)
    yield "HS384", sign(secret, "HS384")
    yield "HS512", sign(secret, "HS512")
    yield "RS256 of a key of the sender", sign(rsa_key("attacker"), "RS256")
    yield "ES256 of a key of the sender", sign(ec_key("attacker"), "ES256")
    yield "a key in the header", sign(rsa_key("attacker"), "RS256", {"jwk": jwk(rsa_key("attacker"), "a")})
    yield "an address of keys in the header", sign(rsa_key("attacker"), "RS256", {"jku": "https://evil.example/jwks"})
    yield "a certificate's address", sign(rsa_key("attacker"), "RS256", {"x5u": "https://evil.example/x"})
    yield "an unknown kid", sign(rsa_key("attacker"), "RS256", {"kid": "unknown"})
    yield "a kid that is a path", sign(rsa_key("attacker"), "RS256", {"kid": "../../../../dev/null"})
    yield "a kid that is no text", by_hand({"alg": "HS256", "kid": ["a"]}, claims(), secret)
    yield "a critical header that nobody knows", by_hand({"alg": "HS256", "crit": ["x"], "x": 1}, claims(), secret)
    yield "a detached payload", by_hand({"alg": "HS256", "b64": False, "crit": ["b64"]}, claims(), secret)
    yield "an encrypted token", by_hand({"alg": "RSA-OAEP", "enc": "A256GCM"}, claims(), secret)
    yield "a header that is a list", by_hand([], claims(), secret)
    yield "a header of brackets", by_hand(b"[" * 3_000, claims(), secret)
    yield "a header that is not UTF-8", by_hand(b'{"alg": "HS256", "x": "\xff"}', claims(), secret)
    for name in ("exp", "sub"):
        yield f"no {name}", sign(**{name: None})
    yield "expired", sign(exp=now - 60)
    yield "expired long ago", sign(exp=1)
    for exp in ("soon", "", True, [], {}, -1, 0, "1e400"):
        payload_of = json.dumps(claims()).replace(str(claims()["exp"]), json.dumps(exp))
        yield f"exp {exp!r}", by_hand({"alg": "HS256"}, payload_of.encode(), secret)
    for text in ("1e400", "-1e400", "NaN", "Infinity", "null", "1e308", "9" * 18, "9" * 400, "9" * 5_000):
        yield f"exp {text[:9]} {len(text)}", by_hand({"alg": "HS256"}, _with("exp", text), secret)
    for name in ("nbf", "iat"):
        for text in ("1e400", "-1e400", "NaN", "Infinity", "null", "[]", "{}", "9" * 400, '"1e3"'):
            yield f"{name} {text[:9]}", by_hand({"alg": "HS256"}, _with(name, text), secret)
    again = f'"exp": {claims()["exp"]}, "exp": 1'
    yield "exp twice", by_hand({"alg": "HS256"}, _with("exp", "1").replace(b'"exp": 1', again.encode()), secret)
    yield "alg twice", by_hand(b'{"alg": "HS256", "alg": "none"}', claims(), secret)
    yield "not yet valid", sign(nbf=now + 600)
    yield "issued in the future", sign(iat=now + 600)
    yield "nbf that is no number", by_hand({"alg": "HS256"}, claims(nbf="tomorrow"), secret)
    yield "for another audience", sign(aud="another-service")
    for sub in (1, True, [], {}, "", "a\nb", "a\0b", "a" * 300, "\u202egnp"):
        yield f"sub {str(sub)[:9]!r}", by_hand({"alg": "HS256"}, claims(sub=sub), secret)
    for scope in (1, ["totals:read"], {"totals:read": True}):
        yield f"scope {scope!r}", by_hand({"alg": "HS256"}, claims(scope=scope), secret)
    yield "a viewer who can be none", sign(sub="not a username", scope="viewer")
    yield "a payload that is a list", by_hand({"alg": "HS256"}, [claims()], secret)
    yield "a payload that is no JSON", by_hand({"alg": "HS256"}, b"{", secret)
    yield "a payload of brackets", by_hand({"alg": "HS256"}, b"[" * 3_000, secret)
    yield "too long", sign(note="x" * 9_000)
    yield "much too long", "x" * 100_000
    yield "not ASCII", good.replace("e", "é")
    yield "a line end in it", f"{good}\r\nX-Admin: 1"
    yield "two tokens", f"{good} {good}"
    yield "two headers, as a server joins them", f"{good},Bearer {good}"
    yield "quoted", f'"{good}"'
