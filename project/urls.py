"""The service's URLs: the endpoints of `schema`, and the admin."""

from django.contrib import admin
from django.urls import path

from project.middleware import ADMIN
from schema.legacy import urls as legacy
from schema.logins import LoginForm
from schema.view import PATH, graphql

admin.site.login_form = LoginForm

handler400 = "schema.view.bad_request"
handler404 = "schema.legacy.not_found"
handler500 = "schema.legacy.server_error"

urlpatterns = [
    path(f"{PATH}/", graphql, name="graphql"),
    path(PATH, graphql),
    path("", legacy),  # before the admin: a viewer may be named "admin"
    path(ADMIN[1:], admin.site.urls),
]
