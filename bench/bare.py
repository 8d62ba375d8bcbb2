"""The service's URLs, and beside them the peer, and a view that returns the bytes it is told to."""

import base64

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from bench.peer import view as peer
from project.urls import urlpatterns as service


@csrf_exempt
def bare(request: HttpRequest, answer: str) -> HttpResponse:
    return HttpResponse(base64.urlsafe_b64decode(answer), content_type="application/json; charset=utf-8")


urlpatterns = [path("bare/<str:answer>", bare), path("peer/", peer), *service]
