"""The doors' URLs."""

from django.urls import path

from schema.legacy import urls as legacy_urls

urlpatterns = [
    path("", legacy_urls),
]
