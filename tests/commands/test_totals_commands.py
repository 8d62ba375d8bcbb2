"""`verify_totals`, `rebuild_totals` and `dead_letters`."""

import io

import pytest
from django.core.management import CommandError, call_command

from tests.factories import event
from watchtime.fold import fold
from watchtime.models import Movie

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_verify_says_when_all_is_well() -> None:
    fold([event()])
    assert run("verify_totals") == "Every total agrees with the ledger.\n"


def test_verify_fails_by_name_and_rebuild_mends() -> None:
    fold([event(slug="alien", at=60)])
    Movie.objects.update(total_watch_time=1)
    errors = io.StringIO()
    with pytest.raises(CommandError, match="1 numbers differ"):
        call_command("verify_totals", stderr=errors)
    assert errors.getvalue() == "movie alien: total_watch_time is 1, by the ledger 60\n"
    assert run("rebuild_totals") == "Every total is what the ledger says.\n"
    run("verify_totals")
