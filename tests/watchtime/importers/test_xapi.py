"""`xapi`: closed stretches of cumulative lists, each once. The real file is tested end to end."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from tests.watchtime.importers.reading import read, write

EXTENSION = "https://w3id.org/xapi/video/extensions/"
SESSION = "abb32c5b-ab8f-5f00-9718-267b6e6ba727"
MOVIE = "7d4f3c70-1e79-4243-9b7d-166076ce8bfb"


def statement(segments: str | None, time: str = "2021-11-29T23:09:00.867219+00:00", **changes: Any) -> dict[str, Any]:
    result = {} if segments is None else {f"{EXTENSION}played-segments": segments, f"{EXTENSION}length": 263.24}
    return {
        "verb": {"id": "https://w3id.org/xapi/video/verbs/paused", "display": {"en-US": "paused"}},
        "actor": {"objectType": "Agent", "account": {"name": "f6c5ca7f", "homePage": "http://example.com"}},
        "object": {
            "id": f"uuid://{MOVIE}",
            "definition": {"name": {"fr": "Le film", "en-US": "The film"}},
        },
        "context": {"extensions": {f"{EXTENSION}session-id": SESSION}},
        "result": {"extensions": result},
        "timestamp": time,
        **changes,
    }


def lines(*statements: Any) -> str:
    return "\n".join(json.dumps(one) for one in statements)


def test_closed_stretches_count_once_at_the_earliest_time(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a",
        lines(
            statement("0[.]42.6[,]43.2[.]124.7[,]176.4", "2021-11-29T23:09:00Z"),
            statement("0[.]42.6", "2021-11-29T22:00:00.5+01:00"),
            statement("0[.]42.6[,]43.2[.]124.7[,]176.4[.]176.41[,]198[.]200", "2021-11-30T00:00:00Z"),
        ),
    )
    result = read("xapi", path)
    assert sorted(result.told) == [
        ("f6c5ca7f", MOVIE, 0, 43, True),
        ("f6c5ca7f", MOVIE, 43, 125, True),
        ("f6c5ca7f", MOVIE, 198, 200, True),
    ]
    first = result.events[0]
    assert first.id == uuid5(UUID(SESSION), f"f6c5ca7f|{MOVIE}|0|43")
    assert first.occurred_at == datetime(2021, 11, 29, 21, 0, 0, 500_000, tzinfo=UTC)
    assert (result.rows[0].title, result.rows[0].duration) == ("The film", 263)


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_an_array_and_lines_are_the_same(tmp_path: Path, compress: Any) -> None:
    statements = [statement(f"0[.]{end}") for end in range(1, 20)]
    array = read("xapi", write(tmp_path / "a", compress(json.dumps(statements).encode())))
    assert array.events == read("xapi", write(tmp_path / "b", compress(lines(*statements).encode()))).events
    assert len(array.rows) == 19
    answer = json.dumps({"more": "", "statements": statements})
    assert read("xapi", write(tmp_path / "c", answer)).events == array.events


def test_the_same_stretch_of_two_sessions_is_two_events(tmp_path: Path) -> None:
    other = {"registration": "0191e0b6-5a4c-7000-8000-000000000001"}
    none: dict[str, Any] = {}
    text = {"extensions": {f"{EXTENSION}session-id": "first \ud800 of all"}}
    statements = [statement("0[.]9", context=context) for context in (other, none, text, other)]
    assert read("xapi", write(tmp_path / "a", lines(statement("0[.]9"), *statements))).seconds == 4 * 9


@pytest.mark.parametrize(
    ("actor", "user"),
    [
        ({"mbox": "mailto:anna@example.com"}, "anna@example.com"),
        ({"mbox_sha1sum": "ebd31e95054c018b10727ccffd2ef2ec3a016ee9"}, "ebd31e95054c018b10727ccffd2ef2ec3a016ee9"),
        ({"account": {"name": "anna"}, "mbox": "mailto:b@c"}, "anna"),
    ],
)
def test_actors(tmp_path: Path, actor: Any, user: str) -> None:
    assert read("xapi", write(tmp_path / "a", lines(statement("0[.]9", actor=actor)))).events[0].user == user


def test_objects_by_address_are_told_apart(tmp_path: Path) -> None:
    ids = ["https://a.example/videos/intro", "https://b.example/videos/intro", f"urn:uuid:{MOVIE.upper()}"]
    statements = [statement("0[.]9", object={"id": one}) for one in ids]
    slugs = [one.slug for one in read("xapi", write(tmp_path / "a", lines(*statements))).events]
    assert len(set(slugs)) == 3
    assert all(slug.startswith("intro-") for slug in slugs[:2])
    assert slugs[2] == MOVIE


def test_statements_without_a_stretch_are_skipped(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a",
        lines(
            statement(None),
            statement("12.3"),
            statement("0[.]x"),
            statement("0[.]86401"),
            statement("0[.]9", actor={}),
            statement("0[.]9", object={}),
            statement("0[.]9", timestamp="yesterday"),
            statement("0[.]9", timestamp="2021-11-29T23:09:00"),
            statement("9[.]0[,]NaN[.]3"),
        )
        + "\n{\n[]\n17",
    )
    result = read("xapi", path)
    assert not result.rows
    assert result.reasons == [
        (1, "no played-segments"),
        (2, "no closed stretch"),
        (3, "played-segments that are not numbers"),
        (4, "played-segments beyond a day"),
        (5, "no actor"),
        (6, "no object"),
        (7, "no valid time"),
        (8, "a time without offset"),
        (9, "played-segments that are not numbers"),
        (10, "no valid JSON"),
        (11, "no played-segments"),
        (12, "no played-segments"),
    ]
