"""Which requests pay for what only pages need."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/graphql/?query={__typename}", "/swagger.json"])
def test_programs_have_no_session(client: Client, path: str) -> None:
    request = client.get(path).wsgi_request
    assert not hasattr(request, "session")
    assert request.user.is_anonymous


@pytest.mark.django_db
def test_a_session_is_read_when_something_asks_for_it(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    user = User.objects.create(username="grace", is_staff=True)
    client.force_login(user)
    with django_assert_num_queries(0):
        request = client.get("/swagger.json").wsgi_request
    with django_assert_num_queries(2):
        assert request.user == user


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/graphql/", "/swagger/", "/admin/login/"])
def test_no_page_is_shown_in_a_frame(client: Client, path: str) -> None:
    response = client.get(path, headers={"Accept": "text/html"})
    assert (response.status_code, response["X-Frame-Options"]) == (200, "DENY")


@pytest.mark.django_db
def test_people_log_in_at_the_admin(client: Client) -> None:
    User.objects.create_superuser("root", password="secret")
    assert client.get("/admin/").status_code == 302
    assert client.post("/admin/login/", {"username": "root", "password": "secret"}).status_code == 302
    page = client.get("/admin/")
    assert page.status_code == 200
    assert page.wsgi_request.user.username == "root"
