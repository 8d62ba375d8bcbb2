"""Databases of the version before the analytics, filled by its code, are migrated with all that they hold."""

import gzip
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests import services
from tests.end_to_end.judge import count, query, totals_of_tables
from tests.processes import Environment, environment, manage, running, wait_for

DUMPS = Path(__file__).parent / "data"


@pytest.fixture(params=["sqlite", "postgresql"])
def old_service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Environment]:
    dump = gzip.decompress((DUMPS / f"before_analytics.{request.param}.sql.gz").read_bytes()).decode()
    if request.param == "sqlite":
        path = tmp_path / "db.sqlite3"
        with closing(sqlite3.connect(path)) as database:
            database.executescript(dump)
        yield environment(DATABASE_URL=f"sqlite:///{path}")
    else:
        with services.own_database() as url:
            with psycopg.connect(url) as server:
                server.execute(dump)  # type: ignore[call-overload]
            yield environment(DATABASE_URL=url)


def test_everything_is_kept(old_service: Environment, tmp_path: Path) -> None:
    url = old_service["DATABASE_URL"]
    totals = totals_of_tables(url)
    manage(old_service, "migrate")

    # The accounts log in with the passwords and rights that they had, and are no viewers unless they watched.
    accounts = query(url, "SELECT username, is_staff, is_superuser, email FROM auth_user ORDER BY id")
    assert [tuple(map(str, account)) for account in accounts] in (
        [
            ("admin", yes, yes, "admin@example.org"),
            ("editor", yes, no, "editor@example.org"),
            ("old-client", no, no, ""),
        ]
        for yes, no in (("True", "False"), ("1", "0"))
    )
    assert "True True False" in manage(old_service, "shell", "-v", "0", "-c", LOG_IN).stdout
    assert query(
        url, "SELECT username, object_repr FROM django_admin_log JOIN auth_user ON user_id = auth_user.id ORDER BY 1"
    ) == [
        ("admin", "Alien"),
        ("editor", "old-client"),
    ]
    viewers = {name for (name,) in query(url, "SELECT username FROM watchtime_customuser")}
    assert "admin" in viewers
    assert viewers.isdisjoint({"editor", "old-client"})

    # The totals are what they were; the analytics are due, and the consumer says so.
    del totals["viewers"]["editor"], totals["viewers"]["old-client"]
    assert totals_of_tables(url) == totals
    assert manage(old_service, "verify_totals", check=False).returncode == 1
    log = tmp_path / "consumer.log"
    with log.open("w") as stderr, running(old_service, "consume", stderr=stderr):
        wait_for(lambda: count(url, "broker_message") == 0, 30, "the event that waited is counted")
    assert "analytics of the events counted before this version are missing. Run `manage.py rebuild_totals`" in (
        log.read_text()
    )
    assert count(url, "watchtime_event") == totals["events"]["count"] + 1

    manage(old_service, "rebuild_totals")
    assert count(url, "watchtime_rebuilddue") == 0
    assert "agrees" in manage(old_service, "verify_totals").stdout
    assert query(
        url,
        "SELECT username, total, unique_seconds, last_moment, resume_moment FROM watchtime_watchtime pair "
        "JOIN watchtime_customuser viewer ON viewer.id = user_id JOIN watchtime_movie movie ON movie.id = movie_id "
        "WHERE slug IN ('alien', 'heat') ORDER BY slug, username",
    ) == [
        ("admin", 60, 60, 90, 90),
        ("anna", 830, 700, 700, 700),
        ("ben", 50, 50, 650, 650),
        ("cleo", 20, 20, 20, 20),
        ("ben", 86_430, 86_400, 86_400, 130),
    ]


LOG_IN = """
from django.contrib.auth import authenticate
from django.contrib.sessions.models import Session
from django.contrib.auth.models import User
editor = authenticate(username="editor", password="editor-password-1")
session = Session.objects.get().get_decoded()
print(
    session["_auth_user_id"] == str(editor.pk) and session["_auth_user_hash"] == editor.get_session_auth_hash(),
    editor.has_perms(["watchtime.change_movie", "watchtime.view_event"]),
    editor.has_perm("watchtime.change_watchtime"),
)
User.objects.create_superuser("ben", password="a new account of a viewer's name")
"""
