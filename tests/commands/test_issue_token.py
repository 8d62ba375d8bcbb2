"""`manage.py issue_token`."""

import time
from io import StringIO

import jwt
import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from watchtime.access import Kind
from watchtime.tokens import verify


def issue(*arguments: str) -> str:
    out = StringIO()
    call_command("issue_token", *arguments, stdout=out)
    return out.getvalue()


def test_a_token_that_the_service_takes() -> None:
    token = issue("--subject", "backend", "--scope", "events:publish totals:read", "--expires", "15m")
    assert token.count("\n") == 1
    caller = verify(token.strip())
    assert (caller.kind, caller.name) == (Kind.SERVICE, "backend")
    expires = jwt.decode(token.strip(), options={"verify_signature": False})["exp"]
    assert 850 < expires - time.time() <= 900


def test_a_viewer() -> None:
    caller = verify(issue("--subject", "anna", "--scope", "viewer events:publish:own").strip())
    assert caller.may_publish_for("anna")
    assert not caller.may_publish_for("bert")


@pytest.mark.parametrize("expires", ["", "1", "h", "0s", "-1h", "1.5h", "367d", "1h30m", "9" * 20 + "d"])
def test_a_wrong_lifetime(expires: str) -> None:
    with pytest.raises(CommandError, match="--expires"):
        issue("--subject", "backend", "--scope", "totals:read", f"--expires={expires}")


@pytest.mark.parametrize("scope", ["", " ", "totals", "totals:read admin"])
def test_an_unknown_scope(scope: str) -> None:
    with pytest.raises(CommandError, match="--scope"):
        issue("--subject", "backend", f"--scope={scope}")


def test_a_viewer_who_can_be_none() -> None:
    with pytest.raises(CommandError, match="username"):
        issue("--subject", "no one", "--scope", "viewer")


def test_without_a_secret(settings: Settings) -> None:
    settings.JWT_SECRET = ""
    with pytest.raises(CommandError, match="JWT_SECRET"):
        issue("--subject", "backend", "--scope", "totals:read")


def test_who_issued_it_is_on_record(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "watchtime.audit"):
        token = issue("--subject", "backend", "--scope", "totals:read").strip()
    (line,) = caplog.messages
    assert line.startswith('issue_token by "command')
    assert '"subject": "backend"' in line
    assert token.split(".")[2] not in line
