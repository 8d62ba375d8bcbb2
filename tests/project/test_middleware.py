"""Which requests pay for sessions and messages."""

import pytest
from django.test import Client

from watchtime.models import CustomUser


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/graphql/?query={__typename}", "/swagger.json"])
def test_programs_have_no_session(client: Client, path: str) -> None:
    request = client.get(path).wsgi_request
    assert not hasattr(request, "session")
    assert not hasattr(request, "user")


@pytest.mark.django_db
def test_people_log_in_at_the_admin(client: Client) -> None:
    CustomUser.objects.create_superuser("root", password="secret")
    assert client.get("/admin/").status_code == 302
    assert client.post("/admin/login/", {"username": "root", "password": "secret"}).status_code == 302
    page = client.get("/admin/")
    assert page.status_code == 200
    assert page.wsgi_request.user.username == "root"
