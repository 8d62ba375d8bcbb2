"""A database that is away is one line of the log and JSON at every path, the admin's too."""

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client

from project.logs import is_fault
from watchtime.database import OUTAGES


@pytest.mark.parametrize("failure", OUTAGES)
def test_the_admin_answers_in_json(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failure: type[Exception]
) -> None:
    def fail(_store: SessionStore) -> None:
        raise failure("connection refused,\npassword=secret")

    monkeypatch.setattr(SessionStore, "load", fail)
    client = Client(raise_request_exception=False, headers={"cookie": "sessionid=abcdefghijklmnopqrstuvwxyz012345"})
    response = client.get("/admin/")
    assert (response.status_code, response.json()) == (503, {"detail": "The service is not available now"})
    assert response["Retry-After"] == "1"
    (record,) = [record for record in caplog.records if is_fault(record)]
    assert (record.name, record.exc_info) == ("schema.legacy", None)
    assert record.getMessage().endswith("cannot be used: connection refused, password=secret")


def test_what_is_no_outage_is_not_hidden(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_store: SessionStore) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(SessionStore, "load", fail)
    client = Client(raise_request_exception=False, headers={"cookie": "sessionid=abcdefghijklmnopqrstuvwxyz012345"})
    assert client.get("/admin/").status_code == 500
    (record,) = [record for record in caplog.records if is_fault(record)]
    assert record.exc_info
