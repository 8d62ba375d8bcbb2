"""The policy: it is the table of DESIGN, row by row."""

import pytest
from pytest_django import Settings

from watchtime.access import CLOSED, Caller, Kind, account_caller, anonymous, token_caller

PUBLISHER = token_caller("backend", ["events:publish"])
READER = token_caller("reports", ["totals:read"])
VIEWER = token_caller("anna", ["viewer"])
PLAYER = token_caller("anna", ["viewer", "events:publish:own"])
OLD_PUBLISHER = account_caller("old", ["watchtime.publish_event"], is_staff=False)
OLD_READER = account_caller("old", ["watchtime.read_totals"], is_staff=False)
CLERK = account_caller("clerk", ["watchtime.change_movie"], is_staff=True)
NO_STAFF = account_caller("x", ["watchtime.change_movie", "watchtime.delete_customuser"], is_staff=False)
ERASER = account_caller("privacy", ["watchtime.delete_customuser"], is_staff=True)
NOTHING = token_caller("nothing", ["", "totals", "events:publish:own", "TOTALS:READ", "*"])

#             who            publish, own, movies, anna, bert, list, change, erase
TABLE = {
    CLOSED: (0, 0, 0, 0, 0, 0, 0, 0),
    NOTHING: (0, 0, 0, 0, 0, 0, 0, 0),
    PUBLISHER: (1, 1, 0, 0, 0, 0, 0, 0),
    READER: (0, 0, 1, 1, 1, 1, 0, 0),
    VIEWER: (0, 0, 1, 1, 0, 0, 0, 0),
    PLAYER: (0, 1, 1, 1, 0, 0, 0, 0),
    OLD_PUBLISHER: (1, 1, 0, 0, 0, 0, 0, 0),
    OLD_READER: (0, 0, 1, 1, 1, 1, 0, 0),
    CLERK: (0, 0, 1, 0, 0, 0, 1, 0),
    NO_STAFF: (0, 0, 0, 0, 0, 0, 0, 0),
    ERASER: (0, 0, 0, 0, 0, 0, 0, 1),
}


@pytest.mark.parametrize("caller", TABLE, ids=str)
def test_table(caller: Caller) -> None:
    assert TABLE[caller] == (
        caller.may_publish_for("bert"),
        caller.may_publish_for("anna"),
        caller.may_read_movies(),
        caller.may_read_viewer("anna"),
        caller.may_read_viewer("bert"),
        caller.may_read_viewers(),
        caller.may_change_movies(),
        caller.may_erase_viewers(),
    )


def test_anonymous(settings: Settings) -> None:
    settings.ALLOW_ANONYMOUS = False
    assert anonymous() is CLOSED
    settings.ALLOW_ANONYMOUS = True
    opened = anonymous()
    assert opened.kind is Kind.ANONYMOUS
    assert opened.actions == PUBLISHER.actions | READER.actions


def test_case_matters_in_names() -> None:
    assert not VIEWER.may_read_viewer("Anna")
    assert not PLAYER.may_publish_for("ANNA")


def test_a_service_of_a_viewers_name_is_no_viewer() -> None:
    assert token_caller("anna", ["events:publish:own"]).viewer is None
    assert account_caller("anna", [], is_staff=True).viewer is None
