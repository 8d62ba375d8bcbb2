"""What logs and error pages show, and what they hide."""

import logging
import secrets
import sys

import pytest
from django.test import RequestFactory
from django.views.debug import technical_500_response
from pytest_django import Settings

from project.logs import SecretsFilter, is_fault

CORE = secrets.token_hex(8)
USER = secrets.token_hex(8)
SECRET = f"{CORE}/<#>"


def record(message: str, *args: object, name: str = "some", **extra: object) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.ERROR, __file__, 1, message, args, None)
    made.__dict__.update(extra)
    return made


def failing() -> None:
    password = SECRET
    raise RuntimeError(f"cannot connect with {password}")


def test_a_secret_is_hidden_in_a_message_and_its_arguments() -> None:
    logged = record("connecting to %s", f"amqp://u:{SECRET}@h/")
    assert SecretsFilter([SECRET]).filter(logged)
    assert logged.getMessage() == "connecting to amqp://u:********@h/"


def test_a_secret_is_hidden_in_a_traceback() -> None:
    logged = record("failed")
    try:
        failing()
    except RuntimeError:
        logged.exc_info = sys.exc_info()
    SecretsFilter([SECRET]).filter(logged)
    shown = logging.Formatter().format(logged)
    assert "cannot connect with ********" in shown
    assert SECRET not in shown


@pytest.mark.parametrize("accept", ["text/html", "text/plain"])
def test_the_error_page_of_debug_shows_no_secret(settings: Settings, accept: str) -> None:
    settings.DEBUG = True
    settings.SECRETS = [SECRET]
    settings.BROKER_URL = f"amqp://{USER}:{SECRET}@h/"
    request = RequestFactory().get("/", headers={"Accept": accept}, DATABASE_URL=f"postgres://u:{SECRET}@h/d")
    try:
        failing()
    except RuntimeError:
        page = technical_500_response(request, *sys.exc_info()).content.decode()
    assert "cannot connect with" in page
    assert CORE not in page
    assert f"amqp://{USER}" not in page


@pytest.mark.parametrize(("status", "logged"), [(400, False), (404, False), (429, False), (500, True), (503, False)])
def test_clients_mistakes_are_no_faults(status: int, logged: bool) -> None:
    assert is_fault(record("Not Found", status_code=status)) == logged


def test_a_suspicious_request_is_one_line() -> None:
    logged = record("Invalid HTTP_HOST header", name="django.security.DisallowedHost", status_code=400)
    logged.exc_info = (ValueError, ValueError("x"), None)
    assert is_fault(logged)
    assert logged.exc_info is None
