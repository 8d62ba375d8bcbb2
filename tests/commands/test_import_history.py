"""`import_history`: rows in, what is new published, a summary of all of it."""

import gzip
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from broker import BrokerError, BrokerUnavailable, NothingStored, default_broker
from tests.factories import event
from watchtime.events import WatchEvent, decode_message
from watchtime.fold import fold
from watchtime.importers import FORMATS
from watchtime.models import CustomUser, Event, Movie, WatchTime

pytestmark = pytest.mark.django_db(transaction=True)

USER = "8a6ab0b9fd5c4d8c9d3f0c7a6a3f1c11"
LINE = f"2023-04-05 21:45:00\t{USER}\t0f00\tMovie\tAlien\tDirectPlay\tWeb\tFirefox\t"
EVENTS = [event(at=n) for n in range(2500)]
LINES = b"\n".join(one.encode() for one in EVENTS)


def run(*arguments: str | Path, **options: Any) -> list[str]:
    """Run the command; return the lines of its summary."""
    out = io.StringIO()
    call_command("import_history", *map(str, arguments), stdout=out, **options)
    return out.getvalue().splitlines()


def queued() -> list[WatchEvent]:
    """Take what waits in the queue."""
    subscription = default_broker().subscribe(default_broker().queue, 10_000)
    deliveries = subscription.receive(10_000, 0)
    if deliveries:
        subscription.acknowledge(deliveries)
    events = [event for delivery in deliveries for event in decode_message(delivery.body)]
    assert all(isinstance(event, WatchEvent) for event in events)
    return cast("list[WatchEvent]", events)


def fold_queued() -> int:
    return fold(queued()).counted


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_what_is_new_is_published(tmp_path: Path, compress: Any) -> None:
    file = write(tmp_path / "a", compress(LINES))
    summary = "2500 events of 2500 rows: 2500 published, 0 already known, 0 repeated in the file"
    assert run("jsonl", file) == [summary]
    assert queued() == EVENTS
    fold(EVENTS[:2000])
    summary = "2500 events of 2500 rows: 500 published, 2000 already known, 0 repeated in the file"
    assert run("jsonl", file) == [summary]
    assert queued() == EVENTS[2000:]


def test_repeats_in_the_file_are_published_once(tmp_path: Path) -> None:
    file = write(tmp_path / "a", LINES + b"\n" + LINES)
    assert "5000 events of 5000 rows: 2500 published, 0 already known, 2500 repeated" in run("jsonl", file)[0]
    assert queued() == EVENTS


def test_an_id_with_other_content_is_skipped_and_said(tmp_path: Path) -> None:
    fold(EVENTS[:1])
    file = write(tmp_path / "a", b"\n" + EVENTS[0].model_copy(update={"at": 7}).encode())
    summary = run("jsonl", file)
    assert "0 published, 0 already known" in summary[0]
    assert summary[1:] == ["1 skipped, already counted with other content: line 2"]
    assert queued() == []


def test_the_same_id_of_another_viewer_is_new(tmp_path: Path) -> None:
    fold(EVENTS[:1])
    file = write(tmp_path / "a", EVENTS[0].encode())
    assert "1 published, 0 already known" in run("jsonl", file, user="ben")[0]


def test_a_dry_run_says_the_same_and_does_nothing(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "user,title,at\nanna,Alien,5\nanna,Alien,x\n")
    summary = run("csv", file, dry_run=True)
    assert summary == [
        "1 events of 1 rows: 1 would be published, 0 already known, 0 repeated in the file",
        "1 skipped, at: Input should be a valid integer: line 3",
    ]
    assert queued() == []
    assert not Movie.objects.exists()


def test_many_reasons_and_lines_are_summed_up(tmp_path: Path) -> None:
    file = write(tmp_path / "a", b"\n".join([b"{}"] * 30 + [b"{"] * 2))
    assert run("jsonl", file)[1].endswith(
        "lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20 and 10 more"
    )
    assert run("jsonl", file)[2].endswith("lines 31, 32")


def test_titles_are_given_to_movies_without_one(tmp_path: Path) -> None:
    Movie.objects.create(slug="alien")
    Movie.objects.create(slug="solaris", title="Solaris, the good one")
    file = write(tmp_path / "a.csv", "user,title,at\nanna,Alien,5\nanna,Solaris,5\nanna,Stalker,5\n")
    run("csv", file)
    titles = dict(Movie.objects.values_list("slug", "title"))
    assert titles == {"alien": "Alien", "solaris": "Solaris, the good one", "stalker": "Stalker"}
    assert fold_queued() == 3
    assert Movie.objects.count() == 3


def test_durations_are_given_to_movies_without_one(tmp_path: Path) -> None:
    Movie.objects.create(slug="alien", title="The first one")
    Movie.objects.create(slug="solaris", duration_seconds=9960)
    file = write(
        tmp_path / "a.csv",
        "user,slug,at,duration_seconds\nanna,alien,5,7020\nanna,solaris,5,1\nanna,stalker,5,86401\nanna,solo,5,60\n",
    )
    run("csv", file)
    durations = dict(Movie.objects.values_list("slug", "duration_seconds"))
    assert durations == {"alien": 7020, "solaris": 9960, "solo": 60}, "a movie is no longer than a day"
    assert Movie.objects.get(slug="alien").title == "The first one"
    assert fold_queued() == 4


def test_an_event_that_lost_its_position_is_other_content(tmp_path: Path) -> None:
    fold(EVENTS[:1])
    file = write(tmp_path / "a", EVENTS[0].model_copy(update={"positional": False}).encode())
    assert run("jsonl", file)[1:] == ["1 skipped, already counted with other content: line 1"]


def test_rows_that_grow_count_their_increase(tmp_path: Path) -> None:
    for seconds, new, known, grown in (
        (100, 1, 0, 0),
        (700, 1, 1, 1),
        (700, 0, 2, 0),
        (5000, 6, 2, 1),
        (4000, 0, 7, 0),
        (5000, 0, 8, 0),
    ):
        summary = run("jellyfin", write(tmp_path / "a.tsv", f"{LINE}{seconds}\n"), time_zone="UTC")
        assert summary[0] == (
            f"{new + known} events of 1 rows: {new} published, {known} already known, 0 repeated in the file"
        )
        assert summary[1] == f"{grown} rows had grown: what was counted of them stays, the increase is new"
        assert fold_queued() == new
    assert WatchTime.objects.get().total == 5000
    assert sum(one.at - one.start for one in Event.objects.all()) == 5000


def test_a_growing_row_twice_in_a_file_counts_once(tmp_path: Path) -> None:
    summary = run("jellyfin", write(tmp_path / "a.tsv", f"{LINE}1000\n" * 2), time_zone="UTC")
    assert summary[0] == "4 events of 2 rows: 2 published, 0 already known, 2 repeated in the file"
    assert fold_queued() == 2


def test_marks_are_said(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", 'Title,Date\n"Alien","13/1/23"\n')
    summary = run("netflix", file, user="anna")
    assert summary[1] == "1 rows were marks: they say that something was watched, not how long"
    assert fold_queued() == 1
    assert CustomUser.objects.get().total_watch_time == 0
    assert Movie.objects.get().title == "Alien"
    assert "0 published, 1 already known" in run("netflix", file, user="anna")[0]


@pytest.mark.parametrize(
    ("options", "users"),
    [
        ({}, {USER}),
        ({"user": "anna"}, {"anna"}),
        ({"user": [f"{USER}=anna"]}, {"anna"}),
        ({"user": ["other=ben"]}, {USER}),
    ],
)
def test_viewers_can_be_told(tmp_path: Path, options: dict[str, Any], users: set[str]) -> None:
    run("jellyfin", write(tmp_path / "a.tsv", f"{LINE}100\n"), **options)
    assert {one.user for one in queued()} == users


def test_time_zones(tmp_path: Path, settings: Any) -> None:
    file = write(tmp_path / "a.tsv", f"{LINE}100\n")
    settings.MACHINE_TIME_ZONE = "Asia/Tokyo"
    assert run("jellyfin", file)[-1] == "1 times without an offset were taken as of Asia/Tokyo"
    assert run("jellyfin", file, time_zone="Europe/Berlin")[-1].endswith("as of Europe/Berlin")
    assert [one.occurred_at.hour for one in queued()] == [12, 19]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--time-zone", "Mars/Olympus"], "no time zone"),
        (["--user", "Anna Maria"], "is no username"),
        (["--user", "anna", "--user", "ben"], "one viewer only"),
        (["--user", "x=a b"], "is no username"),
    ],
)
def test_wrong_options_are_clear_errors(tmp_path: Path, arguments: Sequence[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run("jsonl", write(tmp_path / "a", LINES), *arguments)
    with pytest.raises(CommandError, match="invalid choice"):
        run("betamax", tmp_path / "a")


@pytest.mark.any_database
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("content", [None, "directory", gzip.compress(os.urandom(5000))[:-500]])
def test_files_that_cannot_be_read_are_one_clear_error(tmp_path: Path, name: str, content: Any) -> None:
    file = tmp_path / "export"
    if content == "directory":
        file.mkdir()
    elif content:
        file.write_bytes(content)
    with pytest.raises(CommandError, match=r"^cannot import .*; nothing new is published$"):
        run(name, file, user="anna")


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(LINES))))
    assert "2500 published" in run("jsonl", "-")[0]
    assert queued() == EVENTS


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (NothingStored, "nothing new is published"),
        (BrokerUnavailable, "0 events are published and 1000 more may be: run it again, ids make repeats harmless"),
    ],
)
def test_a_broker_that_is_away_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: type[BrokerError], told: str
) -> None:
    def away(*_: object) -> None:
        raise failure("RabbitMQ is away")

    monkeypatch.setattr(default_broker(), "publish", away)
    with pytest.raises(CommandError, match=rf"^RabbitMQ is away; {told}$"):
        run("jsonl", write(tmp_path / "a", LINES))


def test_a_database_that_is_away_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("watchtime.importing.counted_under", away)
    with pytest.raises(
        CommandError, match=r"^the database .+ cannot be used: database is locked; nothing new is published$"
    ):
        run("jsonl", write(tmp_path / "a", LINES))


def test_a_file_that_breaks_off_says_what_is_published(tmp_path: Path) -> None:
    statements = [
        {
            "title": "Watched it",
            "titleUrl": f"https://www.youtube.com/watch?v={number:011}",
            "time": "2023-04-05T19:45:00Z",
        }
        for number in range(1500)
    ]
    file = write(tmp_path / "a.json", json.dumps(statements)[:-20])
    with pytest.raises(CommandError, match="1000 events are published: run it again"):
        run("youtube", file, user="anna")
    assert len(queued()) == 1000
    with pytest.raises(CommandError, match="; nothing new is published"):
        run("youtube", file, user="anna", dry_run=True)


def test_a_stopped_import_says_what_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(default_broker(), "publish", stop)
    with pytest.raises(CommandError, match=r"^stopped; 0 events are published and 1000 more may be") as stopped:
        run("jsonl", write(tmp_path / "a", LINES))
    assert stopped.value.returncode == 130
