"""What the tests of the old REST paths share."""

import pytest

from broker.models import Message
from watchtime.models import CustomUser, Movie

GOOD = {"user": "ann", "slug": "heat", "at": 407}
JSON = "application/json"
URLENCODED = "application/x-www-form-urlencoded"


def post(client, body, content_type=JSON, **headers):
    return client.generic("POST", "/", body, content_type=content_type, **headers)


def refused(response):
    """Return the fields that a refusal names, after checking its form and that nothing was published."""
    assert response.status_code == 400, response.content
    body = response.json()
    assert body["detail"] == "Invalid data"
    assert all(set(error) == {"field", "message"} and error["message"] for error in body["errors"])
    assert not Message.objects.exists()
    return [error["field"] for error in body["errors"]]


@pytest.fixture
def ann():
    return CustomUser.objects.create(username="ann", total_watch_time=2**40)


@pytest.fixture
def heat():
    return Movie.objects.create(slug="heat", title="Heat", total_watch_time=2**41)
