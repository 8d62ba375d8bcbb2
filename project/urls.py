"""The service's URLs: the admin, and the doors of `schema`."""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
]
