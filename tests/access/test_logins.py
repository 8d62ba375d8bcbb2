"""Passwords: what is hashed, how often, and what the log says."""

import threading
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from pytest_django import Settings

from schema import logins
from tests.access.conftest import PASSWORD, Login, basic

pytestmark = pytest.mark.django_db


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were hashed."""
    done: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: Any, password: str, salt: str) -> str:
        done.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    return done


def status(client: Client, *credentials: str, **extra: Any) -> int:
    code: int = client.get("/", headers=basic(*credentials), **extra).status_code
    return code


def test_right_credentials_are_hashed_once(client: Client, account: Login, hashes: list[str]) -> None:
    account("old", "read_totals")
    hashes.clear()
    assert [status(client, "old") for _ in range(5)] == [200] * 5
    assert hashes == [PASSWORD]


def test_what_was_right_stops_at_once(client: Client, account: Login) -> None:
    user = account("old", "read_totals")
    assert status(client, "old") == 200
    user.user_permissions.clear()
    assert status(client, "old") == 403
    user.set_password("another-one-8")
    user.save()
    assert status(client, "old") == 401
    assert status(client, "old", "another-one-8") == 403
    user.is_active = False
    user.save()
    assert status(client, "old", "another-one-8") == 401


def test_unknown_and_wrong_cost_the_same(client: Client, account: Login, hashes: list[str]) -> None:
    account("old", "read_totals")
    hashes.clear()
    assert (status(client, "old", "wrong"), status(client, "nobody", "wrong")) == (401, 401)
    assert hashes == ["wrong", "wrong"]


class TestLockout:
    def test_refused_before_hashing(self, client: Client, account: Login, hashes: list[str]) -> None:
        account("old", "read_totals")
        hashes.clear()
        statuses = [status(client, "old", f"wrong-{number}") for number in range(12)]
        assert statuses == [401] * 4 + [429] * 8
        assert len(hashes) == 5
        response = client.get("/", headers=basic("old"))  # the right one, now
        assert response.status_code == 429
        assert int(response["Retry-After"]) > 60

    def test_of_an_unknown_name_looks_the_same(self, client: Client, account: Login) -> None:
        account("old", "read_totals")
        known, unknown = ([status(client, name, "wrong") for _ in range(8)] for name in ("old", "nobody"))
        assert known == unknown

    def test_the_victim_is_not_locked_out(self, client: Client, account: Login) -> None:
        account("old", "read_totals")
        for _ in range(10):
            status(client, "old", "wrong", REMOTE_ADDR="198.51.100.7")
        assert status(client, "old", REMOTE_ADDR="198.51.100.7") == 429
        assert status(client, "old", REMOTE_ADDR="203.0.113.5") == 200

    def test_success_forgives(self, client: Client, account: Login) -> None:
        account("old", "read_totals")
        for _ in range(4):
            assert [status(client, "old", "wrong") for _ in range(3)] == [401] * 3
            logins.forget()
            assert status(client, "old") == 200

    def test_at_the_admin(self, client: Client, account: Login, hashes: list[str]) -> None:
        account("old", is_staff=True)
        hashes.clear()
        codes = [
            client.post("/admin/login/", {"username": "old", "password": f"wrong-{number}"}).status_code
            for number in range(9)
        ]
        assert codes == [200] * 4 + [429] * 5
        assert len(hashes) == 5
        assert client.post("/admin/login/", {"username": "old", "password": PASSWORD}).status_code == 429

    def test_each_failure_is_logged(self, client: Client, account: Login, caplog: pytest.LogCaptureFixture) -> None:
        account("old", "read_totals")
        for _ in range(8):
            status(client, "old", "wrong-password", REMOTE_ADDR="198.51.100.7")
        lines = [message for message in caplog.messages if "198.51.100.7" in message]
        assert len(lines) >= 8
        assert "wrong-password" not in caplog.text


def test_one_address_has_few_attempts(client: Client, hashes: list[str]) -> None:
    statuses = [status(client, f"name-{number}", "x") for number in range(2 * logins.ATTEMPTS_A_MINUTE + 1)]
    assert set(statuses) == {401, 429}
    assert len(hashes) <= 2 * logins.ATTEMPTS_A_MINUTE  # the minute may end meanwhile
    assert status(client, "name", "x", REMOTE_ADDR="203.0.113.5") == 401


def test_few_passwords_are_hashed_at_once(
    client: Client, account: Login, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    account("old", "read_totals")
    started, finish, running, most = threading.Semaphore(0), threading.Event(), [0], [0]

    def slow(request: Any, **credentials: Any) -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        started.release()
        finish.wait(10)
        running[0] -= 1

    monkeypatch.setattr(logins, "authenticate", slow)
    codes: list[int] = []
    request = client.get("/swagger.json").wsgi_request

    def attempt() -> None:
        try:
            with logins.slot(request):
                slow(request)
            codes.append(401)
        except logins.TooManyLogins:
            codes.append(429)
            finish.set()

    threads = [threading.Thread(target=attempt) for _ in range(logins.AT_ONCE + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [401] * logins.AT_ONCE + [429]
    assert most == [1]


def test_without_a_request_there_is_no_lockout(account: Login) -> None:
    account("old")
    for _ in range(20):
        assert authenticate(username="old", password="wrong") is None
    assert authenticate(username="old", password=PASSWORD) is not None
