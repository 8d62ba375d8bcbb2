"""Which tokens are good."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from tests.access.tokens import SUBJECT, by_hand, claims, ec_key, jwk, part, pem, rsa_key, sign, wrong
from watchtime.access import Action, Kind
from watchtime.checks import keys_can_be_read
from watchtime.tokens import LEEWAY, InvalidToken, issue, verify

WRONG = list(dict(wrong()))


def test_a_good_token() -> None:
    caller = verify(sign())
    assert (caller.kind, caller.name) == (Kind.SERVICE, SUBJECT)
    assert caller.actions == {Action.PUBLISH, Action.READ_MOVIES, Action.READ_VIEWERS}


def test_there_are_many_ways_to_be_wrong() -> None:
    assert len(WRONG) > 100


@pytest.mark.parametrize("way", WRONG)
def test_a_wrong_token(way: str) -> None:
    with pytest.raises(InvalidToken):
        verify(dict(wrong())[way])


def test_clocks_may_differ_a_little() -> None:
    now = int(time.time())
    assert verify(sign(exp=now - LEEWAY // 2))
    assert verify(sign(nbf=now + LEEWAY // 2))


def test_one_that_was_good_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    token = sign()
    verify(token)
    late = time.time() + 600 + LEEWAY + 1
    monkeypatch.setattr("watchtime.tokens.time.time", lambda: late)
    with pytest.raises(InvalidToken, match="expired"):
        verify(token)


def test_audience_and_issuer(settings: Settings) -> None:
    settings.JWT_AUDIENCE, settings.JWT_ISSUER = "watch-time", "https://login.example"
    verify(sign(aud="watch-time", iss="https://login.example"))
    verify(sign(aud=["other", "watch-time"], iss="https://login.example"))
    for wrong_claims in (
        {},
        {"aud": "watch-time"},
        {"iss": "https://login.example"},
        {"aud": "other", "iss": "https://login.example"},
        {"aud": "watch-time", "iss": "https://login.example.evil"},
        {"aud": "watch", "iss": "https://login.example"},
        {"aud": ["watch"], "iss": "https://login.example"},
        {"aud": [], "iss": "https://login.example"},
        {"aud": "watch-time", "iss": "https://login"},
        {"aud": "watch-time", "iss": "HTTPS://LOGIN.EXAMPLE"},
    ):
        with pytest.raises(InvalidToken):
            verify(sign(**wrong_claims))
    right: dict[str, object] = {"aud": "watch-time", "iss": "https://login.example"}
    for odd in ({"iss": ["https://login.example"]}, {"iss": {"https://login.example": 1}}, {"aud": {"watch-time": 1}}):
        with pytest.raises(InvalidToken):
            verify(by_hand({"alg": "HS256"}, claims(**{**right, **odd}), settings.JWT_SECRET))


def test_the_last_of_a_claim_counts(settings: Settings) -> None:
    """RFC 7519, section 4, leaves that or refusing the token."""
    payload = json.dumps(claims(sub="ada"))[:-1] + ', "sub": "bert"}'
    assert verify(by_hand({"alg": "HS256"}, payload.encode(), settings.JWT_SECRET)).name == "bert"


def test_the_time_of_an_end_may_have_a_fraction() -> None:
    assert verify(sign(exp=time.time() + 60.5))


def test_without_keys_no_token_is_good(settings: Settings) -> None:
    token = sign()
    settings.JWT_SECRET = ""
    for refused in (token, by_hand({"alg": "HS256"}, claims()), by_hand({"alg": "none"}, claims())):
        with pytest.raises(InvalidToken):
            verify(refused)


@pytest.mark.parametrize(("key", "algorithm"), [(rsa_key(), "RS256"), (ec_key(), "ES256")])
class TestPublicKey:
    @pytest.fixture(autouse=True)
    def _public_key(self, settings: Settings, key: Any, algorithm: str) -> None:
        settings.JWT_SECRET, settings.JWT_PUBLIC_KEY = "", pem(key)

    def test_signed_by_its_private_key(self, key: Any, algorithm: str) -> None:
        assert verify(sign(key, algorithm)).name == SUBJECT
        assert verify(sign(key, algorithm, {"kid": "any"})).name == SUBJECT

    def test_in_one_line(self, settings: Settings, key: Any, algorithm: str) -> None:
        settings.JWT_PUBLIC_KEY = pem(key).replace("\n", "\\n")
        assert verify(sign(key, algorithm)).name == SUBJECT

    def test_signed_by_another(self, key: Any, algorithm: str) -> None:
        for other, other_algorithm in ((rsa_key("b"), "RS256"), (ec_key("b"), "ES256")):
            with pytest.raises(InvalidToken):
                verify(sign(other, other_algorithm))

    def test_the_public_key_is_no_secret(self, settings: Settings, key: Any, algorithm: str) -> None:
        for secret in (pem(key), pem(key).strip(), pem(key).replace("\n", "\\n")):
            for kid in ({}, {"kid": "a"}):
                with pytest.raises(InvalidToken):
                    verify(by_hand({"alg": "HS256", **kid}, claims(), secret))

    def test_other_algorithms_of_the_same_key(self, key: Any, algorithm: str) -> None:
        for other in ("RS384", "RS512", "PS256") if algorithm == "RS256" else ("ES256K",):
            with pytest.raises(InvalidToken):
                verify(by_hand({"alg": other}, claims(), "x"))


class TestJwks:
    @pytest.fixture
    def jwks(self, settings: Settings, tmp_path: Path) -> Path:
        path = tmp_path / "jwks.json"
        put(path, jwk(rsa_key(), "old"), jwk(ec_key(), "curve", use="sig", alg="ES256"))
        settings.JWT_JWKS_FILE = str(path)
        return path

    def test_the_kid_chooses(self, jwks: Path) -> None:
        verify(sign(rsa_key(), "RS256", {"kid": "old"}))
        verify(sign(ec_key(), "ES256", {"kid": "curve"}))
        for key, algorithm, headers in (
            (rsa_key(), "RS256", {"kid": "curve"}),
            (ec_key(), "ES256", {"kid": "old"}),
            (rsa_key(), "RS256", {"kid": "new"}),
            (rsa_key(), "RS256", {"kid": ""}),
            (rsa_key(), "RS256", {}),
        ):
            with pytest.raises(InvalidToken):
                verify(sign(key, algorithm, headers))

    def test_keys_rotate_without_a_restart(self, jwks: Path) -> None:
        old, new = sign(rsa_key(), "RS256", {"kid": "old"}), sign(rsa_key("b"), "RS256", {"kid": "new"})
        verify(old)
        put(jwks, jwk(rsa_key(), "old"), jwk(rsa_key("b"), "new"))
        verify(old)
        verify(new)
        put(jwks, jwk(rsa_key("b"), "new"))
        verify(new)
        with pytest.raises(InvalidToken):
            verify(old)

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"keys": []}', '{"keys": [{"kid": "a"}]}', "[" * 9_000])
    def test_a_file_that_is_wrong_changes_nothing(
        self, jwks: Path, content: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        token = sign(rsa_key(), "RS256", {"kid": "old"})
        verify(token)
        replace(jwks, content)
        verify(token)
        jwks.unlink()
        verify(token)
        assert caplog.messages.count(caplog.messages[0]) == 1
        assert all("keys of before stay" in message for message in caplog.messages)

    def test_keys_for_other_uses_are_left_out(self, jwks: Path) -> None:
        encryption = jwk(rsa_key("b"), "enc", use="enc", alg="RSA-OAEP")
        put(jwks, jwk(rsa_key(), "old"), encryption, {"kty": "oct", "kid": "oct", "k": part(b"x" * 40)})
        verify(sign(rsa_key(), "RS256", {"kid": "old"}))
        for token in (
            sign(rsa_key("b"), "RS256", {"kid": "enc"}),
            by_hand({"alg": "HS256", "kid": "oct"}, claims(), "x" * 40),
        ):
            with pytest.raises(InvalidToken):
                verify(token)

    def test_the_start_reports_what_cannot_be_used(self, settings: Settings, jwks: Path) -> None:
        assert keys_can_be_read(None) == []
        settings.JWT_JWKS_FILE = f"{jwks}.missing"
        assert "JWT_JWKS_FILE" in keys_can_be_read(None)[0].msg
        put(jwks, jwk(rsa_key("short", 1024), "short"))
        settings.JWT_JWKS_FILE = str(jwks)
        # The keyring of before is not in use any more.
        settings.JWT_ISSUER = "another"
        assert "2048 bits" in keys_can_be_read(None)[0].msg

    @pytest.mark.parametrize("text", ["x", "-----BEGIN PUBLIC KEY-----\n", pem(rsa_key("short", 1024))])
    def test_a_public_key_that_cannot_be_used(self, settings: Settings, text: str) -> None:
        settings.JWT_PUBLIC_KEY = text
        assert keys_can_be_read(None)
        with pytest.raises(InvalidToken):
            verify(sign())


def put(path: Path, *keys: dict[str, Any]) -> None:
    replace(path, json.dumps({"keys": keys}))


def replace(path: Path, content: str) -> None:
    """Put a new file in the place of the old one, as a rotation of keys should."""
    beside = path.with_suffix(".new")
    beside.write_text(content)
    os.replace(beside, path)


def test_issue(settings: Settings) -> None:
    settings.JWT_AUDIENCE, settings.JWT_ISSUER = "watch-time", "here"
    caller = verify(issue("anna", ["viewer", "events:publish:own"], 60))
    assert (caller.kind, caller.viewer) == (Kind.VIEWER, "anna")
    with pytest.raises(InvalidToken):
        issue("not a username", ["viewer"], 60)
    settings.JWT_SECRET = ""
    with pytest.raises(InvalidToken, match="JWT_SECRET"):
        issue("anna", ["viewer"], 60)
