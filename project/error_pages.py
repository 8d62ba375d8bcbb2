"""Django's error page for DEBUG, without secrets: everybody who can reach the service sees it."""

import re

from django.conf import settings
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from project.logs import redact


class ErrorFilter(SafeExceptionReporterFilter):
    """Hides the settings that Django hides, and URLs, which may hold passwords."""

    hidden_settings = re.compile(
        f"{SafeExceptionReporterFilter.hidden_settings.pattern}|(BROKER|DATABASE)_URL|DATABASES", re.I
    )


class ErrorReporter(ExceptionReporter):
    """Shows settings and variables without the secrets in them."""

    def get_traceback_html(self) -> SafeString:
        """Return the page."""
        return SafeString(redact(super().get_traceback_html(), settings.SECRETS))  # nosec B703: Django escaped it

    def get_traceback_text(self) -> SafeString:
        """Return the text, which programs get."""
        return SafeString(redact(super().get_traceback_text(), settings.SECRETS))  # nosec B703: plain text
