"""The page about errors and limits says what is true."""

import re

from django.conf import settings

from schema.errors import ErrorCode
from tests.services import ROOT

PAGE = (ROOT / "docs" / "graphql-limits.md").read_text()


def test_every_code_is_documented() -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \|$", PAGE, re.MULTILINE))
    assert rows == {code.name: code.value for code in ErrorCode}


def test_every_limit_is_documented_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(GRAPHQL_[A-Z_]+)` \| ([^|]+) \| [^|]+ \|$", PAGE, re.MULTILINE))
    names = [name for name in dir(settings) if name.startswith("GRAPHQL_")]
    assert rows == {name: _written(getattr(settings, name)) for name in names}


def _written(value: float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:,}"
