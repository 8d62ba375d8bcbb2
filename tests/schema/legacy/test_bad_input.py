"""What `POST /` refuses, and which field it names."""

import gzip
import json

import pytest

from broker.models import Message
from tests.schema.legacy.conftest import GOOD, JSON, URLENCODED, post, refused

pytestmark = pytest.mark.django_db


class TestBadInput:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("at", True),
            ("at", 407.5),
            ("at", 407.0),
            ("at", float("nan")),
            ("at", float("inf")),
            ("at", 2**63),
            ("at", 2**64),
            ("at", -1),
            ("at", 86_401),
            ("at", None),
            ("at", []),
            ("at", "abc"),
            ("at", ""),
            ("at", "407.5"),
            ("at", "-1"),
            ("at", " 407"),
            ("at", "\u0664\u0660\u0667"),
            ("at", "9" * 5000),
            ("start", 408),
            ("start", "408"),
            ("user", None),
            ("positional", "no"),
            ("positional", 1),
            ("start", True),
            ("user", ""),
            ("user", "a" * 101),
            ("user", "ann lee"),
            ("user", "ann\0"),
            ("user", "ann\ud800"),
            ("user", "ann/heat"),
            ("user", "ann\n"),
            ("user", 5),
            ("slug", ""),
            ("slug", "a" * 51),
            ("slug", "a/b"),
            ("slug", "h\u00e9at"),
            ("slug", "heat\n"),
            ("slug", 5),
            ("id", "5"),
            ("id", 5),
            ("occurred_at", "yesterday"),
            ("occurred_at", "2026-11-22T12:30:00"),
            ("occurred_at", 1_700_000_000),
            ("occurred_at", "1969-12-31T23:59:59Z"),
            ("occurred_at", "2999-12-31T23:59:59Z"),
        ],
    )
    def test_names_the_field(self, client, field, value):
        assert refused(post(client, json.dumps(GOOD | {field: value}))) == [field]

    @pytest.mark.parametrize("field", ["user", "slug", "at"])
    def test_missing_field(self, client, field):
        assert refused(post(client, json.dumps({name: GOOD[name] for name in GOOD if name != field}))) == [field]

    def test_a_name_twice(self, client):
        assert refused(post(client, '{"user": "ann", "slug": "heat", "at": 1, "at": 407}')) == ["at"]
        assert refused(post(client, '{"user": "ann", "slug": "heat", "at": 1, "x": 1, "x": 1}')) == ["x"]

    @pytest.mark.parametrize("literal", ["9" * 5000, "-" + "9" * 5000, "NaN", "-Infinity", "1e400", "407e0", "1e1"])
    def test_number_literals(self, client, literal):
        assert refused(post(client, f'{{"user": "ann", "slug": "heat", "at": {literal}}}')) == ["at"]

    @pytest.mark.parametrize("content_type", [JSON, URLENCODED, "multipart/form-data; boundary=x", ""])
    def test_empty_body(self, client, content_type):
        assert refused(post(client, b"", content_type))[-3:] in (["user", "slug", "at"], ["event"])

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"null",
            b'"ok"',
            b"5",
            b"true",
            b"[]",
            b'[{"user": "ann", "slug": "heat", "at": 407}]',
            b'{"user": "ann", "slug": "heat", "at": 407} {}',
            b'{"user": "ann\xff", "slug": "heat", "at": 407}',
            b"\xff\xfe",
            json.dumps(GOOD).encode("utf-16"),
            b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b'{"user": "ann", "slug": "heat", "at": 407, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            b'{"user": "ann", "slug": "heat", "at": 0407}',
        ],
        ids=range(16),
    )
    def test_no_event_at_all(self, client, body):
        assert refused(post(client, body)) == ["event"]

    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            (b"user=ann", "multipart/form-data"),
            (b"user=ann", "multipart/form-data; boundary=" + "x" * 300),
            (b"--x\r\nContent-Disposition: form-data", "multipart/form-data; boundary=x"),
            (b"&".join(b"a%d=1" % n for n in range(2000)), URLENCODED),
            (b"user=ann&slug=heat&at=407", f"{URLENCODED}; charset=latin-1"),
            (b"user=ann%00&slug=heat&at=407", URLENCODED),
            (b"user=%ff&slug=heat&at=407", URLENCODED),
            (b"user=ann&slug=heat&at=true", URLENCODED),
            (b"user=ann&slug=heat&at=", URLENCODED),
            (b"", URLENCODED),
        ],
        ids=range(10),
    )
    def test_forms(self, client, body, content_type):
        assert set(refused(post(client, body, content_type))) <= {"event", "user", "slug", "at"}

    def test_file_in_place_of_a_field(self, client, tmp_path):
        path = tmp_path / "at"
        path.write_text("407")
        with path.open("rb") as file:
            assert refused(client.post("/", GOOD | {"at": file})) == ["at"]

    @pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/jsonp", "nonsense"])
    def test_other_content_types(self, client, content_type):
        response = post(client, json.dumps(GOOD), content_type)
        assert (response.status_code, set(response.json())) == (415, {"detail"})
        assert not Message.objects.exists()

    @pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate, gzip", "x"])
    @pytest.mark.parametrize("content_type", [JSON, URLENCODED, "multipart/form-data; boundary=x"])
    def test_compressed_body(self, client, encoding, content_type):
        body = gzip.compress(json.dumps(GOOD).encode())
        response = post(client, body, content_type, headers={"Content-Encoding": encoding})
        assert response.status_code == 415
        assert response.json() == {"detail": "Send the body as it is, without a Content-Encoding"}

    def test_a_form_field_twice(self, client):
        assert refused(post(client, b"user=ann&slug=heat&at=407&at=408", URLENCODED)) == ["at"]

    def test_body_in_chunks(self, client):
        response = post(client, json.dumps(GOOD), headers={"Transfer-Encoding": "chunked"})
        assert (response.status_code, response.json()) == (411, {"detail": "Send a Content-Length"})

    @pytest.mark.parametrize("content_type", [JSON, URLENCODED, "multipart/form-data; boundary=x", "text/plain"])
    def test_body_of_10_megabytes(self, client, content_type):
        response = post(client, b" " * 10_000_000, content_type)
        assert (response.status_code, response.json()) == (413, {"detail": "The body is too large"})
