"""The service's URLs: the admin, and the doors of `schema`."""

from django.contrib import admin
from django.urls import include, path

handler404 = "schema.legacy.not_found"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("schema.urls")),
]
