"""What may not be in a log: line ends of other people's, and secrets."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from django.test import Client

from tests.access.conftest import PASSWORD, basic, bearer
from tests.access.tokens import wrong
from watchtime import audit
from watchtime.requests import TextFormatter

FORGED = "x\n2026-01-01 00:00:00 INFO watchtime.audit: erase_viewer by root\r\x1b[2K\u2028\x85y"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the log for people has of a test."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextFormatter("{asctime} {levelname} {name}: {message}", style="{"))
    root = logging.getLogger()
    before, root.level = root.level, logging.DEBUG
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)


def test_a_name_forges_no_line(written: io.StringIO) -> None:
    logging.getLogger("x").warning("refused: %s", FORGED)
    audit.record(FORGED, "erase_viewer", username=FORGED)
    lines = written.getvalue().split("\n")
    assert len(lines) == 3
    assert not any(character in written.getvalue() for character in "\r\x1b\u2028\x85")


def test_nor_does_an_exception(written: io.StringIO) -> None:
    try:
        raise ValueError(FORGED)
    except ValueError:
        logging.getLogger("x").exception("failed")
    first, *others, last = written.getvalue().split("\n")
    assert "failed" in first
    assert all(line.startswith("  ") for line in others)
    assert (last, "\x1b" in written.getvalue()) == ("", False)


def test_audit_lines_can_be_read_by_programs(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "watchtime.audit"):
        audit.record("account root", "erase_viewer", username="anna", events=3)
    action, _, details = caplog.messages[0].partition(': {"')
    assert action == 'erase_viewer by "account root"'
    assert json.loads('{"' + details) == {"username": "anna", "events": 3}


@pytest.mark.django_db
def test_no_secret_of_a_request_is_logged(client: Client, written: io.StringIO) -> None:
    sent = [bearer("totals:read"), bearer("totals:read", exp=1), basic("nobody"), {"Cookie": "sessionid=S3CRET"}]
    sent += [{"Authorization": f"Bearer {token}"} for token in dict(wrong()).values() if token.isascii()]
    for headers in sent:
        for path in ("/", "/users/anna/total-watch-time/", "/graphql/?query={__typename}", "/admin/", "/no/such"):
            client.get(path, headers=headers)
        client.post("/", {"user": "anna", "slug": "alien", "at": "x"}, headers=headers)
    client.post("/admin/login/", {"username": PASSWORD, "password": PASSWORD})
    assert written.getvalue()
    secrets = {PASSWORD, "S3CRET"}
    secrets |= {value.split(" ", 1)[1] for headers in sent for name, value in headers.items() if name != "Cookie"}
    assert not [secret for secret in secrets if len(secret) > 10 and secret in written.getvalue()]
