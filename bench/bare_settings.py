"""The service's settings, with a bare view beside it."""

from project.settings import *  # noqa: F403

ROOT_URLCONF = "bench.bare"
