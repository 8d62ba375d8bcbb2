"""The service's URLs: the admin, and the doors of `schema`."""

from django.contrib import admin
from django.urls import include, path

from project.middleware import ADMIN

handler404 = "schema.legacy.not_found"

urlpatterns = [
    path(ADMIN[1:], admin.site.urls),
    path("", include("schema.urls")),
]
